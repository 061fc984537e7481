/**
 * The door of the dashboard's socket, `GET /feed`: lets a session or the key in before a byte of WebSocket is
 * read, hands each page to the feed, and takes it away again. Mounted on the server's upgrades by compose.
 * Invariants: nothing is sent to a page whose session has ended, and its socket closes with 4401 within a
 * second; what a page may send is bounded in size, rate and shape.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { CLOSE, type FeedRequest, feedRequestSchema, type TaskError } from '@berth/protocol'
import type { Log, Service } from '@berth/runtime'
import { type RawData, type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { type Access, type Gate, isOwnOrigin, readHead, UNAUTHORIZED } from './auth.ts'
import { refuseConnection } from './problem.ts'
import type { Sessions } from './sessions.ts'

/** The session of this socket is over; signing in again helps, reconnecting does not. */
const SESSION_OVER = 4401
const POLICY_VIOLATION = 1008
const MAX_MESSAGE_BYTES = 64 * 1024
const CHECK_MS = 1000
const PING_EVERY_CHECKS = 15
const MAX_MESSAGES_PER_SECOND = 10
const MAX_PINGS_PER_SECOND = 20
const CLOSE_WAIT_MS = 1000

const AS_TEXT = { binary: false }

/** The types of `ws` do not know `closeTimeout` yet. */
const SERVER_OPTIONS: ServerOptions & { readonly closeTimeout: number } = {
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  maxPayload: MAX_MESSAGE_BYTES,
  maxFragments: 64,
  maxBufferedChunks: 1024,
  closeTimeout: CLOSE_WAIT_MS,
}

/** What `observe/feed.ts` offers to a page. */
export interface FeedSource {
  attach(sink: FeedSink, since?: number): FeedPage
}

export interface FeedSink {
  send(text: string): void
  /** What waits in the socket's own buffer. */
  bufferedBytes(): number
}

export interface FeedPage {
  /** Replaces what the page watches. */
  watch(sources: readonly string[]): void
  detach(): void
}

export interface FeedSocketDeps {
  readonly feed: FeedSource
  readonly gate: Gate
  readonly sessions: Sessions
  readonly log: Log
  /** Sockets of one session, default 16; of the key, default 256. */
  readonly perSession?: number
  readonly perKey?: number
  /** Default one second; pings go out at every 15th. */
  readonly checkMs?: number
}

export interface FeedSocket extends Service {
  /** False when the upgrade is not for `/feed`. */
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
  readonly size: number
}

export function createFeedSocket(deps: FeedSocketDeps): FeedSocket {
  return new FeedDoor(deps)
}

interface Visitor {
  readonly ws: WebSocket
  readonly page: FeedPage
  /** Undefined for one that came with the key. */
  readonly session: string | undefined
  isAlive: boolean
  messages: number
  pings: number
}

class FeedDoor implements FeedSocket {
  readonly name = 'feed sockets'
  readonly #deps: FeedSocketDeps
  readonly #visitors = new Set<Visitor>()
  readonly #server = new WebSocketServer(SERVER_OPTIONS)
  #timer: NodeJS.Timeout | undefined
  #checks = 0
  #last: { readonly text: string; readonly bytes: Buffer } | undefined
  #isStopped = false
  #unfollow = () => {}

  constructor(deps: FeedSocketDeps) {
    this.#deps = deps
    this.#server.on('wsClientError', (error, socket) =>
      refuseConnection(socket, { code: 'INVALID_REQUEST', detail: `${error.message}.` }),
    )
  }

  get size(): number {
    return this.#visitors.size
  }

  async start(): Promise<void> {
    this.#unfollow = this.#deps.sessions.onEnded((hash) => {
      for (const visitor of this.#visitors) if (visitor.session === hash) this.#dismiss(visitor, SESSION_OVER)
    })
    this.#timer = setInterval(() => this.#check(), this.#deps.checkMs ?? CHECK_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearInterval(this.#timer)
    this.#unfollow()
    const leaving = [...this.#visitors].map(({ ws }) => new Promise((resolve) => ws.once('close', resolve)))
    for (const visitor of this.#visitors) this.#dismiss(visitor, CLOSE.goingAway)
    await Promise.all(leaving)
  }

  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const url = URL.parse(req.url ?? '', 'http://berth')
    if (url?.pathname !== '/feed') return false
    const request = readHead(req)
    const access = this.#deps.gate.authorise(request)
    const refusal = this.#findRefusal(access, request.origin, request.host)
    if (refusal !== undefined) {
      refuseConnection(socket, refusal)
      return true
    }
    const since = readSince(url.searchParams.get('since'))
    this.#server.handleUpgrade(req, socket, head, (ws) => this.#welcome(ws, access, since))
    return true
  }

  #findRefusal(access: Access, origin?: string, host?: string): TaskError | undefined {
    if (access.kind === 'none') return UNAUTHORIZED
    if (access.kind === 'session' && !isOwnOrigin(origin, host))
      return {
        code: 'FORBIDDEN',
        detail: 'The feed is for pages of this balancer; `Origin` names another one.',
      }
    if (this.#isStopped) return { code: 'DRAINING', detail: 'The balancer is shutting down.' }
    const session = access.kind === 'session' ? access.hash : undefined
    const limit = session === undefined ? (this.#deps.perKey ?? 256) : (this.#deps.perSession ?? 16)
    const count = [...this.#visitors].filter((visitor) => visitor.session === session).length
    if (count < limit) return undefined
    return { code: 'RATE_LIMITED', detail: `There are ${limit} feeds open already; close some pages.` }
  }

  #welcome(ws: WebSocket, access: Access, since: number | undefined): void {
    ws.on('error', (error) => this.#deps.log.debug('a feed socket failed', { error }))
    const page = this.#deps.feed.attach(
      {
        send: (text) => {
          if (ws.readyState === ws.OPEN) ws.send(this.#bytesOf(text), AS_TEXT)
        },
        bufferedBytes: () => ws.bufferedAmount,
      },
      since,
    )
    const session = access.kind === 'session' ? access.hash : undefined
    const visitor: Visitor = { ws, page, session, isAlive: true, messages: 0, pings: 0 }
    this.#visitors.add(visitor)
    ws.on('message', (data, isBinary) => this.#receive(visitor, data, isBinary))
    ws.on('pong', () => this.#recordLife(visitor))
    ws.on('ping', () => {
      visitor.pings += 1
      if (visitor.pings > MAX_PINGS_PER_SECOND) ws.terminate()
    })
    ws.once('close', () => this.#forget(visitor))
  }

  /** Pages that get the same text one after another get the same bytes. */
  #bytesOf(text: string): Buffer {
    if (this.#last?.text !== text) this.#last = { text, bytes: Buffer.from(text) }
    return this.#last.bytes
  }

  #receive(visitor: Visitor, data: RawData, isBinary: boolean): void {
    if (!this.#visitors.has(visitor) || visitor.ws.readyState !== visitor.ws.OPEN) return
    visitor.messages += 1
    const request = isBinary || visitor.messages > MAX_MESSAGES_PER_SECOND ? undefined : readRequest(data)
    if (request === undefined) this.#dismiss(visitor, POLICY_VIOLATION)
    else visitor.page.watch(request.watch)
  }

  /** An open page counts as a use of its session. */
  #recordLife(visitor: Visitor): void {
    visitor.isAlive = true
    if (visitor.session !== undefined) this.#deps.sessions.touch(visitor.session)
  }

  #check(): void {
    this.#checks += 1
    this.#last = undefined
    const isPingDue = this.#checks % PING_EVERY_CHECKS === 0
    for (const visitor of this.#visitors) {
      visitor.messages = 0
      visitor.pings = 0
      if (visitor.session !== undefined && !this.#deps.sessions.isLive(visitor.session)) continue
      if (isPingDue) ping(visitor)
    }
  }

  /** `isLive` above ends what has expired, and the end comes back here by `onEnded`. */
  #dismiss(visitor: Visitor, code: number): void {
    visitor.page.detach()
    visitor.ws.close(code, REASONS[code])
  }

  #forget(visitor: Visitor): void {
    this.#visitors.delete(visitor)
    visitor.page.detach()
  }
}

const REASONS: Readonly<Record<number, string>> = {
  [SESSION_OVER]: 'the session is over',
  [POLICY_VIOLATION]: 'the message is not a feed request',
  [CLOSE.goingAway]: 'the balancer is shutting down',
}

function ping(visitor: Visitor): void {
  if (!visitor.isAlive) {
    visitor.ws.terminate()
    return
  }
  visitor.isAlive = false
  if (visitor.ws.readyState === visitor.ws.OPEN) visitor.ws.ping()
}

function readRequest(data: RawData): FeedRequest | undefined {
  try {
    return feedRequestSchema.safeParse(JSON.parse(String(data))).data
  } catch {
    return undefined
  }
}

function readSince(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
