/**
 * A worker without sockets, files and time for unit tests: real slots, condition and functions under a manual
 * clock, and the two ends of a link in memory. Not part of the product.
 */
import {
  type ByteReader,
  DATA_KIND,
  type FromWorker,
  LinkWriter,
  type OutcomeHeader,
  parseFromWorker,
  RECORD,
  readFrame,
  readOutcome,
  readStamp,
  type Stamp,
  type TaskHeader,
  type Welcome,
} from '@berth/protocol'
import { createLog, type Log, ManualClock } from '@berth/runtime'
import { Condition } from './condition.ts'
import { type Context, defineFunction, type FunctionDefinition } from './define.ts'
import { Fences } from './fences.ts'
import { Intake } from './intake.ts'
import { describeInterface } from './interface.ts'
import { Runners } from './isolate/runners.ts'
import type { Outlet } from './link-flush.ts'
import { LinkSession, type LinkShared } from './link-session.ts'
import { Metrics } from './observe/metrics.ts'
import type { WorkerParts } from './parts.ts'
import { Peers } from './peers.ts'
import { Secrets } from './privacy/secrets.ts'
import { Registry, registerFunction } from './registry.ts'
import { TagBoard } from './tags.ts'
import { makeDeliveries } from './webhook/webhook-config.ts'

export interface TestParts extends WorkerParts {
  readonly clock: ManualClock
  readonly log: Log
}

export interface TestOptions {
  readonly slots?: number
  readonly queueLimit?: number
  readonly functions?: Readonly<Record<string, FunctionDefinition>>
}

/** A handler's call that the test ends when it likes. */
export interface Call {
  readonly ctx: Context
  resolve(value: unknown): void
  reject(reason: unknown): void
}

/** A function whose calls wait for the test. */
export function heldFunction(config: { slots?: number; timeout?: number } = {}) {
  const calls: Call[] = []
  const definition = defineFunction({
    config,
    handler: (_input, ctx) =>
      new Promise<unknown>((resolve, reject) => {
        calls.push({ ctx, resolve, reject })
      }),
  })
  return { calls, definition }
}

const TEST_WEBHOOKS = {
  WEBHOOK_TIMEOUT: 1000,
  WEBHOOK_MAX_RETRIES: 0,
  WEBHOOK_RETRY_DELAY: 1,
  WEBHOOK_HEADERS: {},
  WEBHOOK_ALLOW: [],
}

export function makeParts(options: TestOptions = {}): TestParts {
  const log = createLog({ source: 'test', level: 'debug', write: () => {} })
  const condition = new Condition()
  condition.started()
  const functions = Object.entries(options.functions ?? {}).map(([name, definition]) =>
    registerFunction(name, definition),
  )
  const registry = new Registry(functions)
  const clock = new ManualClock({ monoMs: 50_000 })
  return {
    identity: { name: 'w', bootId: 'boot-of-worker', group: 'default', contract: 1 },
    limits: {
      defaultPriority: 100,
      defaultTimeoutMs: 30_000,
      backgroundTimeoutMs: 86_400_000,
      requestBodyBytes: 100_000,
      resultBytes: 1_000_000,
    },
    registry,
    interface: describeInterface(registry),
    runners: new Runners(functions, {
      clock,
      log,
      env: {},
      folder: import.meta.dirname,
      processEnv: {},
      size: options.slots ?? 2,
    }),
    condition,
    intake: new Intake(condition, { slots: options.slots ?? 2, queueLimit: options.queueLimit ?? 100 }),
    services: { states: [] },
    tags: new TagBoard({}, [], log),
    system: { latest: { cpuLoad: 0, memoryUsed: 0, eventLoopDelayMs: 0, uptimeS: 0 } },
    clock,
    metrics: new Metrics(),
    deliveries: makeDeliveries(TEST_WEBHOOKS, log),
    env: {},
    secrets: new Secrets(),
    log,
  }
}

/** What all links of a worker share, with the end of a tick in the test's hand. */
export class TestFleet {
  readonly parts: TestParts
  readonly shared: LinkShared
  readonly #deferred: (() => void)[] = []

  constructor(parts: TestParts) {
    this.parts = parts
    let seq = 0
    this.shared = {
      parts,
      peers: new Peers(),
      fences: new Fences(),
      nextSeq: () => ++seq,
      defer: (act) => this.#deferred.push(act),
    }
  }

  dial(): TestLink {
    return new TestLink(this)
  }

  /** Dials and answers the hello. */
  link(terms: Partial<Welcome> = {}): TestLink {
    const link = this.dial()
    link.welcome(terms)
    return link
  }

  /** Ends the tick: promises settle, flushes happen, until nothing is left to do. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 3; idle++) {
      await new Promise<void>((resolve) => process.nextTick(resolve))
      await null
      for (const act of this.#deferred.splice(0)) {
        act()
        idle = -1
      }
    }
  }
}

/** One link in memory: the worker's session on one side, the test as balancer on the other. */
export class TestLink implements Outlet {
  readonly session: LinkSession
  readonly messages: FromWorker[] = []
  /** `STARTED 1`, `END 1 completed`, … in order; text frames as `hello`, `state ready`. */
  readonly said: string[] = []
  readonly outcomes = new Map<number, { header: OutcomeHeader; result: string }>()
  /** What handlers asked the balancer to run. */
  readonly calls: { task: number; call: number; function: string; input: string }[] = []
  /** DATA that is no result: chunks, lines, progress. */
  readonly pieces: { readonly task: number; readonly kind: number; readonly bytes: Uint8Array }[] = []
  stamp: Stamp | undefined
  closedWith: number | undefined
  backlogBytes = 0
  /** While true frames stay in the socket's buffer until `drain`. */
  isBlocked = false
  readonly #held: (() => void)[] = []
  readonly #fleet: TestFleet
  readonly #writer: LinkWriter
  readonly #data = new Map<number, Uint8Array[]>()

  constructor(fleet: TestFleet) {
    this.#fleet = fleet
    this.#writer = new LinkWriter(() => ({ at: fleet.parts.clock.monoMs() }))
    this.session = new LinkSession(fleet.shared, this)
    this.session.open()
  }

  sendText(text: string): void {
    const parsed = parseFromWorker(text)
    if (parsed.kind !== 'message') throw new Error(`the schema refuses ${text}: ${JSON.stringify(parsed)}`)
    const { message } = parsed
    this.messages.push(message)
    this.said.push('status' in message ? `${message.type} ${message.status}` : message.type)
  }

  sendFrame(frame: Uint8Array, handedOver: () => void): void {
    readFrame(frame, (type, flags, task, payload) => this.#read(type, flags, task, payload))
    if (!this.isBlocked) return handedOver()
    this.backlogBytes += frame.length
    this.#held.push(handedOver)
  }

  close(code: number): void {
    this.closedWith ??= code
  }

  /** The operating system took what was in the buffer. */
  drain(): void {
    this.isBlocked = false
    this.backlogBytes = 0
    for (const handedOver of this.#held.splice(0)) handedOver()
  }

  /** The connection is gone. */
  cut(): void {
    this.session.closed()
  }

  say(message: object): void {
    this.session.onText(JSON.stringify({ at: this.#fleet.parts.clock.monoMs(), ...message }))
  }

  welcome(terms: Partial<Welcome> = {}): void {
    this.say({
      type: 'welcome',
      protocol: 1,
      name: 'b',
      bootId: 'balancer-1',
      heartbeatIntervalMs: 3000,
      heartbeatTimeoutMs: 3000,
      leaseMs: 30_000,
      adopt: [],
      ...terms,
    })
  }

  /** Writes without sending; `send` follows. */
  write(act: (writer: LinkWriter) => void): void {
    act(this.#writer)
    for (let frame = this.#writer.take(); frame; frame = this.#writer.take()) this.session.onBinary(frame)
  }

  task(
    number: number,
    name: string,
    input: unknown = {},
    more: Partial<TaskHeader> & { flags?: number } = {},
  ) {
    const { flags = 0, mediaType = '', ...header } = more
    const isRaw = typeof input === 'string' || input instanceof Uint8Array
    const bytes = Buffer.from(isRaw ? (input as string) : JSON.stringify(input))
    const facts = {
      run: `r_${number}`,
      fence: number,
      function: name,
      contract: 1,
      priority: 100,
      attempt: 1,
      mode: 'sync',
      remainingMs: null,
      timeoutMs: null,
      trace: '',
      ...header,
    } as const
    this.write((writer) => writer.task(number, flags, facts, mediaType, bytes))
  }

  cancel(number: number): void {
    this.write((writer) => writer.control(RECORD.CANCEL, number, (out) => out.u8(0)))
  }

  credit(number: number, bytes: number): void {
    this.write((writer) => writer.control(RECORD.CREDIT, number, (out) => out.u32(bytes)))
  }

  recall(number: number): void {
    this.write((writer) => writer.control(RECORD.RECALL, number))
  }

  ack(number: number, fence: number): void {
    this.write((writer) => writer.control(RECORD.RESULT_ACK, number, (out) => out.u64(fence)))
  }

  /** What was said since the last call, text frames left out. */
  records(): string[] {
    const records = this.said.filter((line) => /^[A-Z]/.test(line))
    this.said.length = 0
    return records
  }

  hello() {
    const message = this.messages.find(({ type }) => type === 'hello')
    if (message?.type !== 'hello') throw new Error('there was no hello')
    return message
  }

  lastState() {
    const message = this.messages.findLast(({ type }) => type === 'state')
    if (message?.type !== 'state') throw new Error('there was no state')
    return message
  }

  #read(type: number, flags: number, task: number, payload: ByteReader): void {
    if (type === RECORD.STAMP) this.stamp = readStamp(payload)
    else if (type === RECORD.END) this.#readEnd(task, payload)
    else if (type === RECORD.CALL)
      this.calls.push({
        task,
        call: payload.u32(),
        function: payload.text8(),
        input: Buffer.from(payload.rest()).toString(),
      })
    else {
      const name = Object.entries(RECORD).find(([, value]) => value === type)?.[0] ?? String(type)
      if (type === RECORD.DATA) this.#readData(task, flags & 0x0f, new Uint8Array(payload.rest()))
      this.said.push(`${name} ${task}`)
    }
  }

  #readData(task: number, kind: number, bytes: Uint8Array): void {
    if (kind !== DATA_KIND.payload) {
      this.pieces.push({ task, kind, bytes })
      return
    }
    const chunks = this.#data.get(task) ?? []
    chunks.push(bytes)
    this.#data.set(task, chunks)
  }

  #readEnd(task: number, payload: ByteReader): void {
    const header = readOutcome(payload)
    const chunks = this.#data.get(task) ?? [payload.rest()]
    this.outcomes.set(task, { header, result: Buffer.concat(chunks).toString() })
    this.said.push(`END ${task} ${header.outcome}`)
  }
}
