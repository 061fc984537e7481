/**
 * A worker for tests that does exactly what it is told: a real server on a free loopback port that
 * speaks the link by hand, so that it can also speak it wrongly. Keeps all that it hears; tests wait
 * on what arrives, never on time. Not part of the product.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import {
  ByteReader,
  type ByteWriter,
  canonicalJson,
  type FromBalancer,
  type FunctionInterface,
  type Hello,
  LinkWriter,
  type Occupancy,
  type OutcomeHeader,
  PROTOCOL,
  parseFromBalancer,
  RECORD,
  readFrame,
  readTaskHeader,
  type State,
  type TaskHeader,
  type Welcome,
} from '@berth/protocol'
import { type WebSocket, WebSocketServer } from 'ws'

export interface HeardRecord {
  readonly type: number
  readonly flags: number
  readonly task: number
  readonly bytes: Uint8Array
}

export interface HeardTask {
  readonly task: number
  readonly flags: number
  readonly header: TaskHeader
  readonly input: Uint8Array
}

type Typed<T extends FromBalancer['type']> = Extract<FromBalancer, { type: T }>

const WAIT_MS = 60_000
const DONE: OutcomeHeader = { outcome: 'completed', runMs: 1, mediaType: '' }

export function makeFunctions(...names: string[]): FunctionInterface[] {
  return names.sort().map((name) => ({
    name,
    input: { type: 'object' },
    supportsStreaming: false,
    idempotent: null,
    slots: 1,
    timeoutMs: null,
    maxRetries: 0,
    background: false,
  }))
}

export function hashOf(functions: readonly FunctionInterface[]): string {
  return createHash('sha256').update(canonicalJson(functions)).digest('hex')
}

/** A whole hello; `changes` may be as wrong as the test likes. */
export function makeHello(functions: readonly FunctionInterface[], changes: object = {}): Hello {
  const slots = { limit: 4, used: 0, linked: 0, stuck: 0, queued: 0, queueLimit: 100 }
  const system = { cpuLoad: 0.1, memoryUsed: 0.2, eventLoopDelayMs: 1, uptimeS: 5 }
  return {
    type: 'hello',
    at: performance.now(),
    seq: 1,
    status: 'ready',
    slots,
    protocol: 1,
    name: 'scripted',
    bootId: 'boot-0000-1',
    version: '0.1.0',
    group: 'default',
    contract: 1,
    interface: hashOf(functions),
    tags: {},
    services: [],
    system,
    started: [],
    ...changes,
  }
}

/** One link at the worker's end. */
export class ScriptedLink {
  readonly messages: FromBalancer[] = []
  readonly records: HeardRecord[] = []
  readonly frames: number[] = []
  readonly tasks: HeardTask[] = []
  readonly closed: Promise<{ code: number; reason: string }>
  readonly request: IncomingMessage
  readonly socket: WebSocket
  readonly #writer: LinkWriter
  readonly #waiters = new Set<() => void>()
  occupancy: Occupancy | undefined

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.socket = socket
    this.request = request
    this.#writer = new LinkWriter(() => ({ at: performance.now(), occupancy: this.occupancy }))
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

  /** Sends a text message as it stands. */
  say(message: object): void {
    this.socket.send(JSON.stringify({ at: performance.now(), ...message }))
  }

  state(changes: Partial<State>): void {
    const { slots } = makeHello([])
    this.say({ type: 'state', seq: 2, status: 'ready', slots, ...changes })
  }

  /** Sends bytes as they stand: text frame for a string. */
  raw(data: string | Uint8Array, isBinary = typeof data !== 'string'): void {
    this.socket.send(data, { binary: isBinary })
  }

  record(type: number, task: number, write?: (out: ByteWriter) => void): void {
    this.#writer.control(type, task, write)
  }

  /** Records of one task, in one frame. */
  started(task: number): void {
    this.record(RECORD.STARTED, task)
    this.flush()
  }

  end(task: number, result: unknown = null, header: OutcomeHeader = DONE): void {
    const bytes = result instanceof Uint8Array ? result : Buffer.from(JSON.stringify(result))
    this.#writer.outcome(task, header, bytes)
    this.flush()
  }

  busy(task: number): void {
    this.record(RECORD.BUSY, task)
    this.flush()
  }

  recalled(task: number): void {
    this.record(RECORD.RECALLED, task)
    this.flush()
  }

  credit(task: number, bytes: number): void {
    this.record(RECORD.CREDIT, task, (out) => out.u32(bytes))
    this.flush()
  }

  flush(): void {
    for (let frame = this.#writer.take(); frame; frame = this.#writer.take()) this.socket.send(frame)
  }

  /** The first message of a type that fits, now or when it comes. */
  message<T extends FromBalancer['type']>(
    type: T,
    fits: (message: Typed<T>) => boolean = () => true,
  ): Promise<Typed<T>> {
    const find = () =>
      this.messages.find((each): each is Typed<T> => each.type === type && fits(each as Typed<T>))
    return this.until(find, `message ${type}`)
  }

  task(index = 0): Promise<HeardTask> {
    return this.until(() => this.tasks[index], `task ${index}`)
  }

  heard(type: number, task?: number): Promise<HeardRecord> {
    return this.until(
      () => this.records.find((each) => each.type === type && (task === undefined || each.task === task)),
      `record ${type}`,
    )
  }

  async until<T>(find: () => T | undefined, what: string): Promise<T> {
    const now = find()
    if (now !== undefined) return now
    const met = Promise.withResolvers<T>()
    const look = () => {
      const found = find()
      if (found !== undefined) met.resolve(found)
    }
    this.#waiters.add(look)
    const timer = setTimeout(() => met.reject(new Error(`${what} did not come`)), WAIT_MS)
    return met.promise.finally(() => {
      clearTimeout(timer)
      this.#waiters.delete(look)
    })
  }

  #onText(text: string): void {
    const parsed = parseFromBalancer(text)
    if (parsed.kind !== 'message') throw new Error(`the balancer sent ${parsed.kind}: ${text}`)
    this.messages.push(parsed.message)
    if (parsed.message.type === 'ping') this.onPing(parsed.message.id)
  }

  /** Answers; a test that wants silence replaces it. */
  onPing = (id: number): void => this.say({ type: 'pong', id })

  #onFrame(frame: Buffer): void {
    this.frames.push(frame.length)
    readFrame(frame, (type, flags, task, payload) => {
      const bytes = Uint8Array.from(payload.rest())
      this.records.push({ type, flags, task, bytes })
      if (type === RECORD.CREDIT) this.#writer.credit(task, new ByteReader(bytes).u32())
      if (type !== RECORD.TASK) return
      const reader = new ByteReader(bytes)
      this.tasks.push({ task, flags, header: readTaskHeader(reader), input: reader.rest() })
    })
    // What credit has come may let the rest of a result leave.
    this.flush()
  }
}

export interface Script {
  /** Set: the upgrade is answered with this status and no link. */
  refuseWith?: number
  /** True: the upgrade is never answered. */
  isMute?: boolean
  functions: FunctionInterface[]
  /** Laid over the hello; `null` says none. */
  hello: object | null
  /** Whether it answers `interface`. */
  knowsInterface: boolean
  /** Whether the hello leaves in one write with the answer of the upgrade. */
  isHasty: boolean
  logs: (req: IncomingMessage, res: ServerResponse) => void
}

export class ScriptedWorker {
  readonly script: Script = {
    functions: makeFunctions('hello'),
    hello: {},
    knowsInterface: true,
    isHasty: false,
    logs: (_req, res) => res.end('{"logs":[]}'),
  }
  readonly links: ScriptedLink[] = []
  /** The paths of all upgrades that were asked for, refused ones included. */
  readonly dials: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #upgrades = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: 16 * 1024 * 1024,
    handleProtocols: () => PROTOCOL,
  })
  #waiters: (() => void)[] = []

  constructor(script: Partial<Script> = {}) {
    Object.assign(this.script, script)
    this.#server = createServer((req, res) => {
      if (req.url === '/logs') return this.script.logs(req, res)
      res.writeHead(404).end()
    })
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('upgrade', (req, socket, head) => this.#upgrade(req, socket as Socket, head))
  }

  static async start(script: Partial<Script> = {}, port = 0): Promise<ScriptedWorker> {
    const worker = new ScriptedWorker(script)
    await worker.listen(port)
    return worker
  }

  async listen(port = 0): Promise<void> {
    const listening = Promise.withResolvers<void>()
    this.#server.once('error', listening.reject)
    this.#server.listen(port, '127.0.0.1', listening.resolve)
    await listening.promise
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** The n-th link, from 0, now or when it is opened. */
  async link(index = 0): Promise<ScriptedLink> {
    const endAt = performance.now() + WAIT_MS
    for (;;) {
      const link = this.links[index]
      if (link) return link
      const opened = Promise.withResolvers<void>()
      this.#waiters.push(opened.resolve)
      const timer = setTimeout(opened.resolve, endAt - performance.now())
      await opened.promise
      clearTimeout(timer)
      if (performance.now() >= endAt) throw new Error(`link ${index} was not opened`)
    }
  }

  /** The n-th link once it is welcomed. */
  async welcomed(index = 0): Promise<ScriptedLink & { readonly welcome: Welcome }> {
    const link = await this.link(index)
    return Object.assign(link, { welcome: await link.message('welcome') })
  }

  /** Like a killed process: every connection is cut and the port refuses. */
  async stop(): Promise<void> {
    const closed = Promise.withResolvers<void>()
    this.#server.close(() => closed.resolve())
    for (const socket of this.#sockets) socket.destroy()
    await closed.promise
  }

  #upgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => {})
    this.dials.push(req.url ?? '')
    const { refuseWith, isMute, isHasty } = this.script
    if (isMute) return
    if (refuseWith !== undefined) {
      socket.end(`HTTP/1.1 ${refuseWith} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      return
    }
    if (isHasty) socket.cork()
    this.#upgrades.handleUpgrade(req, socket, head, (opened) => this.#open(opened, req))
    if (isHasty) socket.uncork()
  }

  #open(socket: WebSocket, req: IncomingMessage): void {
    const link = new ScriptedLink(socket, req)
    const { hello, functions } = this.script
    if (hello) link.say(makeHello(functions, hello))
    socket.on('message', (data, isBinary) => {
      if (isBinary || !this.script.knowsInterface) return
      const { type, hash } = JSON.parse(String(data))
      if (type === 'interface') link.say({ type, hash, functions: this.script.functions })
    })
    this.links.push(link)
    for (const wake of this.#waiters.splice(0)) wake()
  }
}
