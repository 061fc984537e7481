/**
 * Many workers in one process that look alive: processor and memory move, tags differ, tasks take their time and use
 * slots, and each writes its share of log lines while somebody follows it. Every link is real. Started twice by the
 * scenario `dashboard`, for workers that answer and for workers that write lines, so that no task waits for a line
 * to be made; says its address on stdout, and once a second how many lines it has sent and how late its loop was.
 * The tag `told` of worker 0 is the wall clock in milliseconds, twice a second, so that a page can say how old it is
 * when it is drawn.
 * Environment: `TASK_MS` (mean, exponential), `LINES_PER_SECOND` of all together, `FLEET` (how many there are),
 * `GROUP`.
 */
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import {
  canonicalJson,
  type FunctionInterface,
  LinkWriter,
  LOG_LEVELS,
  type LogLevel,
  type Occupancy,
  PROTOCOL,
  RECORD,
  readFrame,
} from '@berth/protocol'
import { type WebSocket, WebSocketServer } from 'ws'

const SLOTS = 8
const PUSH_MS = 1_000
const TELL_MS = 470
const GATHER_MS = 100
const TASK_MS = Number(process.env.TASK_MS ?? 50)
const LINES_PER_SECOND = Number(process.env.LINES_PER_SECOND ?? 10_000)
const FLEET = Number(process.env.FLEET ?? 1_000)
const GROUP = process.env.GROUP ?? 'default'
/** Different lines; made once, since a machine that measures has no time to make ten thousand a second. */
const LINES = 1_000
const RESULT = Buffer.from('{"message":"Hello Ada!"}')
const NAMES = ['hello', 'resize', 'transcribe', 'translate', 'word-count']
const ZONES = ['eu-west', 'eu-north', 'us-east', 'ap-south']
const CARDS = ['h200', 'l4', 'a100', 'none']

const functions: FunctionInterface[] = NAMES.map((name) => ({
  name,
  input: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
  supportsStreaming: false,
  idempotent: true,
  slots: 1,
  timeoutMs: null,
  maxRetries: 0,
  background: false,
}))
const interfaceHash = createHash('sha256').update(canonicalJson(functions)).digest('hex')
const made: readonly Made[] = Array.from({ length: LINES }, (_, number) => makeLine(number))
let nextAt = 0
let sentLines = 0

const upgrades = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  handleProtocols: () => PROTOCOL,
})
const server = createServer()
server.on('upgrade', (request, socket, head) => {
  socket.on('error', () => socket.destroy())
  const name = (request.url ?? '').split('/')[1] ?? ''
  upgrades.handleUpgrade(request, socket, head, (opened) => new LivelyWorker(opened, name))
})
server.listen({ port: Number(process.argv[2] ?? 0), host: '127.0.0.1', backlog: 4_096 }, () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ text: 'fleet ready', url: `http://127.0.0.1:${port}` })}\n`)
})
const delay = monitorEventLoopDelay({ resolution: 1 })
delay.enable()
setInterval(() => {
  const lateMs = delay.percentile(99) / 1e6
  delay.reset()
  process.stdout.write(`${JSON.stringify({ text: 'lines', count: sentLines, lateMs })}\n`)
}, 1_000)

class LivelyWorker {
  readonly #socket: WebSocket
  readonly #name: string
  readonly #writer = new LinkWriter(() => ({ at: performance.now(), occupancy: this.#occupancy() }))
  readonly #startedAt = performance.now()
  readonly #number: number
  #seq = 1
  #used = 0
  #cpu = Math.random() * 0.6
  #memory = 0.2 + Math.random() * 0.5
  #threshold = 0
  #lineRest = 0
  #pushing: NodeJS.Timeout | undefined
  #logging: NodeJS.Timeout | undefined
  #telling: NodeJS.Timeout | undefined

  constructor(socket: WebSocket, name: string) {
    this.#socket = socket
    this.#name = name
    this.#number = Number(/\d+/.exec(name)?.[0] ?? 0)
    socket.on('error', () => {})
    socket.on('close', () => this.#end())
    socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.#work(data)
      else this.#hear(JSON.parse(String(data)))
    })
    this.#hello()
    // Spread over the second, as those of a real fleet are.
    const first = setTimeout(() => this.#beat(), Math.random() * PUSH_MS)
    this.#pushing = first
  }

  #say(message: object): void {
    this.#socket.send(JSON.stringify({ at: performance.now(), ...message }))
  }

  #hello(): void {
    this.#say({
      type: 'hello',
      ...this.#state(),
      protocol: 1,
      name: this.#name,
      bootId: `boot-of-${this.#name}`,
      version: '0.1.0',
      group: GROUP,
      contract: 1,
      interface: interfaceHash,
      tags: this.#tags(),
      services: [],
      system: this.#system(),
      started: [],
    })
  }

  #tags(): object {
    const of = <T>(list: readonly T[]) => list[this.#number % list.length] as T
    if (this.#number === 0) return { told: Date.now() }
    return { zone: of(ZONES), gpu: of(CARDS), rack: `r${this.#number % 40}` }
  }

  #state(): object {
    const slots = {
      limit: SLOTS,
      used: this.#used,
      linked: this.#used,
      stuck: 0,
      queued: 0,
      queueLimit: 1_000,
    }
    return { seq: this.#seq++, status: 'ready', slots }
  }

  #occupancy(): Occupancy {
    return { seq: this.#seq++, used: this.#used, linked: this.#used, queued: 0 }
  }

  #system(): object {
    const drift = (value: number) => Math.min(0.98, Math.max(0.01, value + (Math.random() - 0.5) * 0.06))
    this.#cpu = drift(this.#cpu)
    this.#memory += (Math.random() - 0.5) * 0.002
    const memoryUsed = Math.min(0.98, Math.max(0.01, this.#memory))
    const uptimeS = 3_600 + (performance.now() - this.#startedAt) / 1_000
    return { cpuLoad: this.#cpu, memoryUsed, eventLoopDelayMs: 0.5 + Math.random() * 3, uptimeS }
  }

  #beat(): void {
    const push = () => this.#say({ type: 'state', ...this.#state(), system: this.#system() })
    push()
    this.#pushing = setInterval(push, PUSH_MS)
    const tell = () => this.#say({ type: 'state', ...this.#state(), tags: this.#tags() })
    if (this.#number === 0) this.#telling = setInterval(tell, TELL_MS)
  }

  #hear(message: {
    readonly type: string
    readonly id?: number
    readonly hash?: string
    readonly follow?: boolean
    readonly level?: LogLevel
    readonly tail?: LogLevel
  }): void {
    if (message.type === 'ping') this.#say({ type: 'pong', id: message.id })
    if (message.type === 'interface') this.#say({ type: 'interface', hash: message.hash, functions })
    if (message.type !== 'logs') return
    this.#threshold = LOG_LEVELS.indexOf(message.level ?? 'debug')
    // It keeps none. Unanswered, the balancer would hold on to all lines since it asked.
    if (message.tail) this.#say({ type: 'logs', lines: [], dropped: 0, tail: message.tail })
    clearInterval(this.#logging)
    this.#logging = message.follow
      ? setTimeout(() => this.#beginLogging(), Math.random() * GATHER_MS)
      : undefined
  }

  #work(frame: Buffer): void {
    readFrame(frame, (type, _flags, task) => {
      if (type === RECORD.TASK) this.#begin(task)
    })
    this.#flush()
  }

  #begin(task: number): void {
    this.#used += 1
    this.#writer.control(RECORD.STARTED, task)
    const ms = -Math.log(1 - Math.random()) * TASK_MS
    setTimeout(() => {
      this.#used -= 1
      this.#writer.outcome(task, { outcome: 'completed', runMs: ms, mediaType: '' }, RESULT)
      this.#flush()
    }, ms)
  }

  #flush(): void {
    for (let frame = this.#writer.take(); frame; frame = this.#writer.take()) this.#socket.send(frame)
  }

  /** All are told to within a moment; were they to send in step, the balancer got a thousand frames at once. */
  #beginLogging(): void {
    this.#log()
    this.#logging = setInterval(() => this.#log(), GATHER_MS)
  }

  #log(): void {
    const due = (LINES_PER_SECOND / FLEET) * (GATHER_MS / 1_000) + this.#lineRest
    this.#lineRest = due - Math.floor(due)
    const at = `{"at":"${new Date().toISOString()}",`
    const lines: string[] = []
    for (let left = Math.floor(due); left > 0; left--) {
      const line = nextLine()
      if (line.level >= this.#threshold) lines.push(at + line.rest)
    }
    if (lines.length === 0) return
    sentLines += lines.length
    this.#socket.send(`{"at":${performance.now()},"type":"logs","lines":[${lines.join()}],"dropped":0}`)
  }

  #end(): void {
    clearInterval(this.#pushing)
    clearInterval(this.#logging)
    clearInterval(this.#telling)
  }
}

/** JSON of a line behind its instant. */
interface Made {
  readonly level: number
  readonly rest: string
}

function nextLine(): Made {
  nextAt = (nextAt + 1) % LINES
  return made[nextAt] as Made
}

/** Eight of ten are info, as in life. */
function makeLine(number: number): Made {
  const level: LogLevel =
    number % 100 === 0 ? 'error' : number % 20 === 0 ? 'warn' : number % 8 === 0 ? 'debug' : 'info'
  const line = {
    level,
    text: level === 'error' ? `request ${number} failed: upstream closed` : `request ${number} handled`,
    source: NAMES[number % NAMES.length] ?? 'hello',
    run: `r_${number.toString(32).padStart(26, '0')}`,
    fields: { ms: number % 977, bytes: (number * 7919) % 100_000, user: `user-${number % 500}` },
  }
  return { level: LOG_LEVELS.indexOf(level), rest: JSON.stringify(line).slice(1) }
}
