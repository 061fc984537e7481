/**
 * The balancer's end of a link for tests: a raw WebSocket that speaks the protocol and keeps what it hears.
 * Tests wait on what arrives, never on time. Not part of the product.
 */
import {
  ByteReader,
  CANCEL_REASONS,
  type CancelReason,
  DATA_KIND,
  type FromWorker,
  LinkWriter,
  type OutcomeHeader,
  PROTOCOL,
  parseFromWorker,
  RECORD,
  readFrame,
  readOutcome,
  readStamp,
  type Stamp,
  type TaskHeader,
  type Welcome,
} from '@berth/protocol'
import { WebSocket } from 'ws'
import type { Keys } from './config.ts'

export interface HeardRecord {
  readonly type: number
  readonly task: number
  /** What DATA carries, by DATA_KIND. */
  readonly kind: number
  readonly bytes: Uint8Array
}

export interface HeardOutcome {
  readonly header: OutcomeHeader
  /** The result as JSON, undefined when there is none. */
  readonly result: unknown
}

type Typed<T extends FromWorker['type']> = Extract<FromWorker, { type: T }>

const WAIT_MS = 10_000

export class FakeBalancer {
  readonly messages: FromWorker[] = []
  readonly records: HeardRecord[] = []
  readonly stamps: Stamp[] = []
  readonly closed: Promise<{ code: number; reason: string }>
  readonly #socket: WebSocket
  readonly #writer = new LinkWriter(() => ({ at: performance.now() }))
  readonly #waiters = new Set<() => void>()
  #fence = 1000

  constructor(socket: WebSocket) {
    this.#socket = socket
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }))
    })
    socket.on('error', () => {})
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.#onFrame(data as Buffer)
      else this.#onText(String(data))
      for (const waiter of [...this.#waiters]) waiter()
    })
  }

  /** Dials; rejects with the status of a refused upgrade. */
  static dial(url: string, keys: Keys): Promise<FakeBalancer> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/link`, PROTOCOL, {
      perMessageDeflate: false,
      headers: { 'x-lb-auth': keys.fleetKey, authorization: keys.authKey },
    })
    const balancer = new FakeBalancer(socket)
    return new Promise((resolve, reject) => {
      socket.on('open', () => resolve(balancer))
      socket.on('error', reject)
    })
  }

  /** Dials, hears the hello and answers it. */
  static async link(url: string, keys: Keys, welcome: Partial<Welcome> = {}): Promise<FakeBalancer> {
    const balancer = await FakeBalancer.dial(url, keys)
    await balancer.message('hello')
    balancer.welcome(welcome)
    return balancer
  }

  welcome(terms: Partial<Welcome> = {}): void {
    this.say({
      type: 'welcome',
      protocol: 1,
      name: 'test',
      bootId: 'boot-of-test',
      heartbeatIntervalMs: 3000,
      heartbeatTimeoutMs: 3000,
      leaseMs: 30_000,
      adopt: [],
      ...terms,
    })
  }

  say(message: object): void {
    this.#socket.send(JSON.stringify({ at: performance.now(), ...message }))
  }

  sendRaw(data: string | Uint8Array): void {
    this.#socket.send(data)
  }

  task(
    number: number,
    name: string,
    input: unknown,
    more: Partial<TaskHeader> & { flags?: number } = {},
  ): void {
    const { flags = 0, mediaType = '', ...header } = more
    this.#writer.task(
      number,
      flags,
      {
        run: `r_${number}`,
        fence: ++this.#fence,
        function: name,
        contract: 1,
        priority: 100,
        attempt: 1,
        mode: 'sync',
        remainingMs: null,
        timeoutMs: null,
        trace: '',
        ...header,
      },
      mediaType,
      typeof input === 'string' ? Buffer.from(input) : Buffer.from(JSON.stringify(input)),
    )
    this.flush()
  }

  cancel(number: number, reason: CancelReason = 'caller'): void {
    this.#writer.control(RECORD.CANCEL, number, (out) => out.u8(CANCEL_REASONS.indexOf(reason)))
    this.flush()
  }

  recall(number: number): void {
    this.#writer.control(RECORD.RECALL, number)
    this.flush()
  }

  ack(number: number, fence: number): void {
    this.#writer.control(RECORD.RESULT_ACK, number, (out) => out.u64(fence))
    this.flush()
  }

  flush(): void {
    for (let frame = this.#writer.take(); frame; frame = this.#writer.take()) this.#socket.send(frame)
  }

  async message<T extends FromWorker['type']>(
    type: T,
    accept: (message: Typed<T>) => boolean = () => true,
  ): Promise<Typed<T>> {
    const isWanted = (message: FromWorker): message is Typed<T> =>
      message.type === type && accept(message as Typed<T>)
    await this.until(() => this.messages.some(isWanted), `a ${type}`)
    return this.messages.find(isWanted) as Typed<T>
  }

  async record(type: number, task: number): Promise<HeardRecord> {
    const find = () => this.records.find((record) => record.type === type && record.task === task)
    await this.until(() => find() !== undefined, `record ${type} of task ${task}`)
    return find() as HeardRecord
  }

  has(type: number, task: number): boolean {
    return this.records.some((record) => record.type === type && record.task === task)
  }

  async outcome(task: number): Promise<HeardOutcome> {
    const end = await this.record(RECORD.END, task)
    const reader = new ByteReader(end.bytes)
    const header = readOutcome(reader)
    const data = this.data(task)
    const bytes = data.length > 0 ? data : reader.rest()
    return { header, result: bytes.length === 0 ? undefined : JSON.parse(Buffer.from(bytes).toString()) }
  }

  /** All bytes of one kind that came for a task. */
  data(task: number, kind: number = DATA_KIND.payload): Buffer {
    const isWanted = (record: HeardRecord) =>
      record.type === RECORD.DATA && record.task === task && record.kind === kind
    return Buffer.concat(this.records.filter(isWanted).map((record) => record.bytes))
  }

  /** Resolves when it holds; asked after everything that arrives. */
  until(holds: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} did not come in ${WAIT_MS} ms`)), WAIT_MS)
      const check = () => {
        if (!holds()) return
        clearTimeout(timer)
        this.#waiters.delete(check)
        resolve()
      }
      this.#waiters.add(check)
      check()
    })
  }

  /** Stops reading, as a peer does whose process stands still. */
  pause(): void {
    this.#socket.pause()
  }

  /** Cuts the connection without a good-bye. */
  cut(): void {
    this.#socket.terminate()
  }

  async close(): Promise<void> {
    this.#socket.close()
    await this.closed
  }

  #onText(text: string): void {
    const parsed = parseFromWorker(text)
    if (parsed.kind !== 'message')
      throw new Error(`the worker said what the schema refuses: ${JSON.stringify(parsed)}`)
    this.messages.push(parsed.message)
  }

  #onFrame(frame: Buffer): void {
    readFrame(frame, (type, flags, task, payload) => {
      if (type === RECORD.STAMP) {
        this.stamps.push(readStamp(payload))
        return
      }
      const bytes = new Uint8Array(payload.rest())
      if (type === RECORD.CREDIT) this.#writer.credit(task, new ByteReader(bytes).u32())
      if (type === RECORD.DATA) this.#writer.control(RECORD.CREDIT, task, (out) => out.u32(bytes.length))
      this.records.push({ type, task, kind: flags & 0x0f, bytes })
    })
    this.flush()
  }
}
