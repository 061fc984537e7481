/**
 * A worker of another make, from what is known of its wire: `GET /health` with both keys, a slot feed on a port of its
 * own whose one subprotocol is the key, `POST /task`, `/on`, `/off`, `/logs`. Played in this process, or as one of its own
 * (`node foreign-worker.ts`) that can be killed. Nothing of Berth is used here.
 */
import { once } from 'node:events'
import { appendFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

export interface ForeignTask {
  readonly function: string
  readonly input: Record<string, unknown>
  readonly group?: string
  readonly contract?: number
  readonly priority?: number
  readonly mode?: string
}

export interface ForeignOptions {
  readonly lbKey: string
  readonly key: string
  readonly slots?: number
  readonly group?: string
  readonly tags?: Readonly<Record<string, unknown>>
  readonly hasFeed?: boolean
  /** What it says of its machine; false: nothing. */
  readonly hasSystem?: boolean
  readonly system?: object
  /** `/health` never ends. */
  readonly isMute?: boolean
  readonly port?: number
  /** In PEM: both its ports speak TLS. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Every begin and end of a task is written here, a JSON line each. */
  readonly journal?: string
}

interface Heard {
  readonly task: ForeignTask
  readonly headers: IncomingMessage['headers']
}

export class ForeignWorker {
  readonly heard: Heard[] = []
  /** What `GET /logs` answers, and how often it was asked. */
  lines: readonly string[] = ['one', 'two']
  logReads = 0
  readonly pings: number[] = []
  /** Requests that ended before their answer. */
  closedEarly = 0
  running = 0
  most = 0
  isOff = false
  readonly #options: ForeignOptions
  readonly #http: Server
  readonly #feedHttp: Server
  readonly #feed: WebSocketServer
  readonly #gates = new Map<string, () => void>()
  #pushing: NodeJS.Timeout | undefined

  constructor(options: ForeignOptions) {
    this.#options = options
    const { tls } = options
    const serve = (req: IncomingMessage, res: ServerResponse) => void this.#serve(req, res)
    this.#http = tls ? createSecureServer(tls, serve) : createServer(serve)
    this.#feedHttp = tls ? createSecureServer(tls) : createServer()
    this.#feed = new WebSocketServer({
      server: this.#feedHttp,
      handleProtocols: ([offered]) => offered ?? false,
    })
    this.#feed.on('connection', (socket, req) => this.#onFeed(socket, req))
  }

  async start(): Promise<this> {
    this.#http.listen(this.#options.port ?? 0, '127.0.0.1')
    this.#feedHttp.listen(0, '127.0.0.1')
    await Promise.all([once(this.#http, 'listening'), once(this.#feedHttp, 'listening')])
    this.#pushing = setInterval(() => this.push(), 1_000)
    return this
  }

  get url(): string {
    return `${this.#options.tls ? 'https' : 'http'}://127.0.0.1:${(this.#http.address() as AddressInfo).port}`
  }

  get feeds(): number {
    return this.#feed.clients.size
  }

  push(): void {
    const { services, ...health } = this.#health()
    const { system } = health as { system?: object }
    for (const client of this.#feed.clients)
      client.send(JSON.stringify({ ...this.#state(), system, services }))
  }

  /** Nobody is heard by the feed any more, and nobody can join it. */
  async cutFeed(): Promise<void> {
    for (const client of this.#feed.clients) client.terminate()
    this.#feedHttp.close()
    await once(this.#feedHttp, 'close')
  }

  open(gate: string): void {
    this.#gates.get(gate)?.()
  }

  /** As a process that is killed. */
  async stop(): Promise<void> {
    clearInterval(this.#pushing)
    for (const client of this.#feed.clients) client.terminate()
    this.#feedHttp.close()
    this.#http.closeAllConnections()
    this.#http.close()
    await once(this.#http, 'close')
  }

  // --- The feed --------------------------------------------------------------------------------

  #onFeed(socket: WebSocket, req: IncomingMessage): void {
    if (req.headers['sec-websocket-protocol'] !== this.#options.lbKey) return socket.close(4001, 'wrong key')
    socket.on('message', (data) => {
      if (String(data) !== 'ping') return
      this.pings.push(Date.now())
      socket.send(JSON.stringify(this.#state()))
    })
  }

  #state() {
    const { slots = 4 } = this.#options
    const status = this.isOff ? 'maintenance' : 'ready'
    return {
      status,
      slots: { total: slots, used: this.running, available: Math.max(0, slots - this.running) },
    }
  }

  #health() {
    const {
      group = 'foreign',
      tags = { os: 'other', secret: { nested: true } },
      hasFeed = true,
    } = this.#options
    const params = { type: 'object', properties: { n: { type: 'number' } } }
    return {
      ...(hasFeed ? { websocketPort: (this.#feedHttp.address() as AddressInfo | null)?.port } : {}),
      group,
      contract: 1,
      functions: [{ name: 'work', params }, { name: 'chat', params: {} }, { name: '!odd' }],
      ...this.#state(),
      tags,
      services: [{ name: 'browser', status: true }],
      ...(this.#options.hasSystem === false
        ? {}
        : { system: this.#options.system ?? { uptime: 12, usedMemoryPercent: 41, cpuLoad: 0.3 } }),
    }
  }

  // --- HTTP ------------------------------------------------------------------------------------

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { lbKey } = this.#options
    const hasKey = req.headers['x-lb-auth'] === lbKey
    const answer = (status: number, body: object) =>
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    const { method, url } = req
    if (url === '/health' && this.#options.isMute) return void res.writeHead(200).write(' ')
    if (method === 'GET' && url === '/health')
      return void answer(200, hasKey ? this.#health() : { status: 'ready' })
    if (!hasKey) return void answer(401, { success: false, error: 'Unauthorized' })
    if (method === 'GET' && url === '/logs') {
      this.logReads++
      return void answer(200, { logs: this.lines })
    }
    if (method === 'POST' && (url === '/on' || url === '/off')) {
      this.isOff = url === '/off'
      answer(200, { status: this.isOff ? 'maintenance' : 'ready', message: 'done' })
      return this.push()
    }
    if (method !== 'POST' || url !== '/task') return void answer(404, { success: false, error: 'Not found' })
    await this.#task(req, res, answer)
  }

  async #task(
    req: IncomingMessage,
    res: ServerResponse,
    answer: (status: number, body: object) => unknown,
  ): Promise<void> {
    let text = ''
    for await (const piece of req.setEncoding('utf8')) text += piece
    const task: ForeignTask = JSON.parse(text)
    this.heard.push({ task, headers: req.headers })
    if (this.isOff) return void answer(503, { success: false, error: 'In maintenance' })
    if (req.headers.authorization !== this.#options.key && req.headers.authorization !== 'callers-own')
      return void answer(401, { success: false, error: 'Wrong worker key' })
    this.running++
    this.most = Math.max(this.most, this.running)
    this.#note('begin', task)
    const leaving = new AbortController()
    res.on('close', () => {
      if (!res.writableFinished) this.closedEarly++
      leaving.abort()
    })
    try {
      if (task.mode === 'stream') await this.#stream(task, res, leaving.signal)
      else await this.#run(task, leaving.signal, answer)
    } finally {
      this.running--
      this.#note('end', task)
      this.push()
    }
  }

  async #run(task: ForeignTask, signal: AbortSignal, answer: (status: number, body: object) => unknown) {
    const { n, fail, status = 500, ms, gate } = task.input
    if (typeof ms === 'number') await rest(ms, signal)
    if (typeof gate === 'string') await this.#wait(gate, signal)
    if (signal.aborted) return
    if (typeof fail === 'string') answer(Number(status), { success: false, error: fail })
    else
      answer(200, { success: true, result: { n, by: 'foreign', priority: task.priority, mode: task.mode } })
  }

  async #stream(task: ForeignTask, res: ServerResponse, signal: AbortSignal): Promise<void> {
    const { pieces = 3, cut, bytes = 0 } = task.input as { pieces?: number; cut?: boolean; bytes?: number }
    res.writeHead(200, { 'content-type': 'text/plain' })
    for (let n = 1; n <= pieces && !signal.aborted; n++) {
      const isTaken = res.write(`${n};${'x'.repeat(bytes)}`)
      if (!isTaken) await Promise.race([once(res, 'drain'), once(signal, 'abort')]).catch(() => {})
    }
    if (!cut) return void res.end()
    // What was said so far is with the other end.
    await new Promise((resolve) => res.write(' ', resolve))
    res.destroy()
  }

  async #wait(gate: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#gates.set(gate, resolve)
    signal.addEventListener('abort', () => resolve())
    await promise
  }

  #note(what: string, task: ForeignTask): void {
    const { journal } = this.#options
    if (journal !== undefined)
      appendFileSync(journal, `${JSON.stringify({ what, n: task.input.n, pid: process.pid })}\n`)
  }
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

if (import.meta.main) {
  const { FOREIGN = '{}' } = process.env
  const worker = await new ForeignWorker(JSON.parse(FOREIGN)).start()
  process.stdout.write(`${JSON.stringify({ url: worker.url })}\n`)
}
