/**
 * Owns the balancer's listening socket: strict about what it reads, bounded in how long it waits and how many
 * it lets in (connections.ts), and offering each request first to the hot route and then to the router.
 * Started, drained and stopped by compose.
 * Invariants: a request with a faulty head reaches neither; a connection that breaks HTTP gets one answer and
 * ends; after `stop()` no connection is left, upgraded ones included.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { TaskError } from '@berth/protocol'
import {
  isUnansweredBody,
  type ListOpen,
  type Log,
  REQUEST_LIMITS,
  type Service,
  serveHalfOpen,
} from '@berth/runtime'
import { getRequestListener } from '@hono/node-server'
import type { Hono } from 'hono'
import { CONNECTION_LIMITS, type ConnectionLimits, Connections } from './connections.ts'
import { ListenError } from './listen-error.ts'
import { INTERNAL_ERROR, problem, refuseConnection, sendProblem } from './problem.ts'
import { findRequestFault, MAX_HEADERS, UNMET, wordBroken } from './request-fault.ts'
import type { AppEnv } from './routes.ts'
import { applySecurityHeaders } from './security-headers.ts'
import type { Shortcut } from './shortcut.ts'

export interface HttpServerDeps {
  readonly app: Hono<AppEnv>
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  readonly log: Log
  /** Takes a request before the router does; false leaves it to the router. */
  readonly hot?: (req: IncomingMessage, res: ServerResponse) => boolean
  /** Takes plain task calls before Node's own server reads them. */
  readonly shortcut?: Shortcut
  /** Takes an upgrade to a WebSocket; false means that it is not for this address. */
  readonly onUpgrade?: (req: IncomingMessage, socket: Duplex, head: Buffer) => boolean
  /** Whether a client that asks first (`Expect: 100-continue`) may send its body. Default always. */
  readonly mayContinue?: (req: IncomingMessage) => boolean
  readonly connections?: ConnectionLimits
}

export interface HttpServer extends Service {
  /** Goes on listening and waits for the answers that are under way now, at most `deadlineMs`. */
  drain(deadlineMs: number): Promise<void>
  /**
   * Takes no new connection any more and waits for every answer under way, at most `deadlineMs`; who has been
   * let in and said nothing yet has a moment to be answered, too.
   */
  close(deadlineMs: number): Promise<void>
  /** Where it listens, once started. */
  address(): AddressInfo
}

const LIMITS_OF_SERVER = {
  keepAliveTimeout: 65_000,
  /** Covers receiving only. */
  requestTimeout: 300_000,
  connectionsCheckingInterval: 2_000,
} as const
/** How long a connection that has only just been let in may take to say what it wants when all is over. */
const LAST_HEARING_MS = 250
/** Where callers never cease to come, some must be reset. */
const LAST_CALL_MS = 1_000
/** A turn of the loop takes in one of the system's line; this one may be over half already. */
const QUIET_TURNS = 2
const MAX_REQUESTS_PER_SOCKET = 100_000

/** What is refused on a connection too many; health and operators are answered on it all the same. */
const TASK_PATH = /^\/tasks?(?:[/?]|$)/
const CROWDED: TaskError = {
  code: 'RATE_LIMITED',
  detail: 'The balancer has as many open connections as it takes. Use connections again, or try later.',
}

export function createHttpServer(deps: HttpServerDeps): HttpServer {
  return new ListeningServer(deps)
}

class ListeningServer implements HttpServer {
  readonly name = 'http'
  readonly #deps: HttpServerDeps
  readonly #server: Server
  readonly #route: (req: IncomingMessage, res: ServerResponse) => Promise<void>
  readonly #connections: Connections
  readonly #listOpen: ListOpen
  /** Has Node's own server read a connection. */
  readonly #toNode: (socket: Socket) => void
  /** Answers under way, counted from the beginning of the drain on. */
  readonly #answers = new Set<ServerResponse>()
  /** Those of them that were under way when it began. */
  #early = new Set<ServerResponse>()
  #isDraining = false
  #isClosing = false
  #onAnswered: (() => void) | undefined

  constructor(deps: HttpServerDeps) {
    this.#deps = deps
    this.#route = getRequestListener(deps.app.fetch, {
      overrideGlobalObjects: false,
      errorHandler: (error) => this.#explainUnroutable(error),
    })
    this.#server = createServer({ ...REQUEST_LIMITS, ...LIMITS_OF_SERVER })
    this.#server.maxHeadersCount = MAX_HEADERS
    this.#server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET
    this.#toNode = takeNodesListener(this.#server)
    this.#listOpen = serveHalfOpen(this.#server, (socket) => deps.shortcut?.ask(socket))
    this.#connections = new Connections(this.#server, deps.connections ?? CONNECTION_LIMITS, (socket) =>
      this.#isBusy(socket),
    )
    deps.shortcut?.attach({
      handOver: (socket) => this.#toNode(socket),
      noteHead: (socket) => this.#connections.noteHead(socket),
      onAnswered: () => this.#onAnswered?.(),
      keepAliveMs: LIMITS_OF_SERVER.keepAliveTimeout,
      requestsPerSocket: MAX_REQUESTS_PER_SOCKET,
    })
    this.#listen()
  }

  address(): AddressInfo {
    return this.#server.address() as AddressInfo
  }

  async start(): Promise<void> {
    const { host, port } = this.#deps
    const started = Promise.withResolvers<void>()
    this.#server.once('error', started.reject)
    this.#server.listen({ host, port }, started.resolve)
    try {
      await started.promise
    } catch (error) {
      throw new ListenError(error as NodeJS.ErrnoException, host, port, 'PORT')
    }
    this.#server.removeListener('error', started.reject)
    this.#server.on('error', (error) => this.#deps.log.error('the HTTP server failed', { error }))
  }

  /** Requests that come meanwhile are answered too, but not waited for: each ends its connection. */
  async drain(deadlineMs: number): Promise<void> {
    this.#beginDraining()
    this.#early = new Set(this.#answers)
    // The last one of each connection: what a client has pipelined behind another is still answered.
    const last = new Map([...this.#early].map((res) => [res.req.socket, res]))
    for (const res of last.values()) res.shouldKeepAlive = false
    await this.#waitUntil(() => this.#early.size === 0 && this.#onShortcut === 0, deadlineMs)
  }

  async close(deadlineMs: number): Promise<void> {
    this.#beginDraining()
    await this.#letIn()
    this.#isClosing = true
    this.#server.close()
    await this.#waitUntil(() => this.#answers.size === 0 && this.#onShortcut === 0, deadlineMs)
  }

  /** Whoever stands in the system's line when the listening ends, or has said nothing yet, gets a reset. */
  async #letIn(): Promise<void> {
    const endAt = performance.now() + LAST_CALL_MS
    let { accepted } = this.#connections
    for (let quietTurns = 0; quietTurns < QUIET_TURNS && performance.now() < endAt; quietTurns++) {
      await new Promise(setImmediate)
      if (this.#connections.accepted > accepted || this.#connections.hasNewcomer(LAST_HEARING_MS))
        quietTurns = -1
      accepted = this.#connections.accepted
    }
  }

  async stop(): Promise<void> {
    this.#isDraining = true
    const closed = Promise.withResolvers<void>()
    this.#server.close(() => closed.resolve())
    this.#connections.destroyAll()
    await closed.promise
  }

  #listen(): void {
    const server = this.#server
    server.on('connection', (socket: Socket) => this.#receive(socket))
    server.on('request', (req, res) => this.#answer(req, res))
    server.on('checkContinue', (req, res) => this.#answerExpecting(req, res))
    server.on('checkExpectation', (req, res) => this.#refuseExpecting(req, res))
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
      this.#refuseBroken(error, socket),
    )
    server.on('upgrade', (req, socket, head) => this.#upgrade(req, socket, head))
    server.on('connect', (_req, socket: Duplex) =>
      refuseConnection(socket, { code: 'METHOD_NOT_ALLOWED', detail: 'CONNECT is not taken here.' }),
    )
  }

  /** Who is over the limit gets no more than a short refusal, which needs no short way. */
  #receive(socket: Socket): void {
    this.#connections.add(socket)
    const { shortcut } = this.#deps
    if (!shortcut || this.#isDraining || this.#connections.isSurplus(socket)) this.#toNode(socket)
    else shortcut.serve(socket)
  }

  #answer(req: IncomingMessage, res: ServerResponse): void {
    const { socket } = req
    // Its last answer is given: what a client has sent behind that is dropped.
    if (socket.writableEnded) return void req.resume()
    this.#connections.noteHead(socket)
    const isSurplus = this.#connections.isSurplus(socket)
    if (this.#isDraining) this.#count(res)
    if (this.#isDraining || isSurplus) res.shouldKeepAlive = false
    try {
      const fault = findRequestFault(req)
      if (fault !== undefined) {
        res.shouldKeepAlive = false
        sendProblem(res, fault.error, { status: fault.status })
      } else if (isSurplus && TASK_PATH.test(req.url ?? '')) sendProblem(res, CROWDED)
      else if (!this.#deps.hot?.(req, res)) void this.#route(req, res)
    } catch (error) {
      this.#deps.log.error('a request failed inside', { method: req.method, error })
      if (res.headersSent) res.destroy()
      else sendProblem(res, INTERNAL_ERROR)
    }
  }

  /** A client that asks before it sends a body is told yes only when it may send one at all. */
  #answerExpecting(req: IncomingMessage, res: ServerResponse): void {
    const mayContinue = findRequestFault(req) === undefined && (this.#deps.mayContinue?.(req) ?? true)
    if (mayContinue) res.writeContinue()
    else res.shouldKeepAlive = false
    this.#answer(req, res)
  }

  #refuseExpecting({ socket }: IncomingMessage, res: ServerResponse): void {
    if (socket.writableEnded) return
    this.#connections.noteHead(socket)
    if (this.#isDraining) this.#count(res)
    res.shouldKeepAlive = false
    const { error, status } = UNMET
    sendProblem(res, error, { status })
  }

  #isBusy(socket: Duplex): boolean {
    return this.#listOpen(socket).length > 0 || this.#isOnShortcut(socket)
  }

  #isOnShortcut(socket: Duplex): boolean {
    return this.#deps.shortcut?.isBusy(socket) ?? false
  }

  /** Answers that are due there. */
  get #onShortcut(): number {
    return this.#deps.shortcut?.running ?? 0
  }

  #beginDraining(): void {
    if (this.#isDraining) return
    this.#isDraining = true
    for (const socket of this.#connections.open)
      if (!socket.writableEnded) for (const res of this.#listOpen(socket)) this.#count(res)
    this.#deps.shortcut?.drain()
  }

  #count(res: ServerResponse): void {
    this.#answers.add(res)
    res.on('close', () => {
      this.#answers.delete(res)
      this.#early.delete(res)
      if (this.#isClosing) this.#server.closeIdleConnections()
      this.#onAnswered?.()
    })
  }

  /** Asks after every answer that has ended. */
  async #waitUntil(isDone: () => boolean, limitMs: number): Promise<void> {
    if (isDone()) return
    const done = Promise.withResolvers<void>()
    this.#onAnswered = () => {
      if (isDone()) done.resolve()
    }
    const timer = setTimeout(done.resolve, limitMs)
    await done.promise
    clearTimeout(timer)
    this.#onAnswered = undefined
  }

  #upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy())
    this.#connections.noteUpgrade(socket)
    const fault = findRequestFault(req)
    if (fault !== undefined) return refuseConnection(socket, fault.error, { status: fault.status })
    if (this.#isDraining)
      return refuseConnection(socket, { code: 'DRAINING', detail: 'The balancer is shutting down.' })
    try {
      if (this.#deps.onUpgrade?.(req, socket, head)) return
      refuseConnection(socket, { code: 'NOT_FOUND', detail: 'There is no WebSocket at this address.' })
    } catch (error) {
      this.#deps.log.error('an upgrade failed inside', { error })
      refuseConnection(socket, INTERNAL_ERROR)
    }
  }

  /** An answer under way must not get a second one in its middle. */
  #refuseBroken(error: NodeJS.ErrnoException, socket: Duplex): void {
    const open = this.#listOpen(socket)
    const isUnderWay = open.length > 0 && !isUnansweredBody(open)
    if (!socket.writable || isUnderWay || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    const fault = wordBroken(error.code)
    refuseConnection(socket, fault.error, { status: fault.status })
  }

  /** Only a request that cannot be given to the router ends here: a `Host` or address that is none. */
  #explainUnroutable(error: unknown): Response {
    this.#deps.log.debug('a request could not be routed', { error })
    const detail = 'The `Host` header or the address is not valid.'
    const answer = problem({ code: 'INVALID_REQUEST', detail })
    applySecurityHeaders(answer.headers)
    return answer
  }
}

/** What a connection would go to at once: here others may look at it first. */
function takeNodesListener(server: Server): (socket: Socket) => void {
  const [listener] = server.listeners('connection')
  if (listener === undefined) throw new Error('this version of Node reads connections in another way')
  server.removeListener('connection', listener as (socket: Socket) => void)
  return (socket) => Reflect.apply(listener, server, [socket])
}
