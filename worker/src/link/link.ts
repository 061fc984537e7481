/**
 * The worker's end of its fleet links at `/link`: upgrade, keys, sockets, and one ticker for all of them.
 * Made by `compose.ts` on the HTTP server. What a link says and means is in `link-session.ts`.
 * Invariant: no frame is read before both keys were right; every socket has an error listener.
 */
import type { IncomingMessage, Server } from 'node:http'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { LIMITS, PROTOCOL, reuseFrame } from '@berth/protocol'
import { acceptWire, findHandshakeFault, type WireSocket } from '@berth/runtime'
import type { Keys } from '../config.ts'
import { type Answer, problem } from '../http/answer.ts'
import { opensLink } from '../http/auth.ts'
import { refusalOfHead, refuseSocket } from '../http/http-server.ts'
import type { WorkerParts } from '../parts.ts'
import { Fences } from './fences.ts'
import type { Outlet } from './link-flush.ts'
import { LinkSession, type LinkShared, TICK_MS } from './link-session.ts'
import { Peers } from './peers.ts'

/** How long a planned end waits for the last results to leave. */
const DELIVER_LIMIT_MS = 5_000
/** How long a close waits for the peer's answer. */
const CLOSE_LIMIT_MS = 2_000

const TERMS = {
  limits: { textBytes: LIMITS.textBytes, binaryBytes: LIMITS.frameBytes },
  closeWaitMs: CLOSE_LIMIT_MS,
}

interface OpenLink {
  readonly socket: WireSocket
  readonly gone: PromiseWithResolvers<void>
}

export class LinkServer {
  readonly #keys: Keys
  readonly #shared: LinkShared
  readonly #sessions = new Map<LinkSession, OpenLink>()
  #ticker: NodeJS.Timeout | undefined

  constructor(parts: WorkerParts, keys: Keys) {
    let seq = 0
    this.#keys = keys
    this.#shared = {
      parts,
      peers: new Peers(),
      fences: new Fences(),
      nextSeq: () => ++seq,
      defer: (act) => void setImmediate(act),
    }
  }

  /** Takes the upgrades of this server. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#ticker = setInterval(() => this.#tick(), TICK_MS)
    this.#ticker.unref()
  }

  /** The services changed. */
  noteChange(): void {
    for (const session of this.#sessions.keys()) session.noteChange()
  }

  /** Says good-bye on every link and waits, for a bounded time, until all has left. */
  async stop(reason: string): Promise<void> {
    const sessions = [...this.#sessions]
    await withinLimit(
      sessions.map(([session]) => session.whenDelivered()),
      DELIVER_LIMIT_MS,
    )
    clearInterval(this.#ticker)
    const closed = sessions.map(([session, { gone }]) => {
      session.bye(reason)
      return gone.promise
    })
    await withinLimit(closed, CLOSE_LIMIT_MS)
    for (const { socket } of this.#sessions.values()) socket.terminate()
    this.#shared.peers.stop()
  }

  #tick(): void {
    for (const session of this.#sessions.keys()) session.tick()
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    const refusal = this.#refusalOf(request)
    if (refusal !== undefined || !(socket instanceof Socket))
      return refuseSocket(socket, refusal ?? problem('INVALID_REQUEST', 'The link needs a connection'))
    this.#open(acceptWire(request, socket, { head, protocol: PROTOCOL, ...TERMS }))
  }

  #refusalOf(request: IncomingMessage): Answer | undefined {
    const faulty = refusalOfHead(request)
    if (faulty !== undefined) return faulty
    if (request.url?.split('?')[0] !== '/link')
      return problem('NOT_FOUND', 'There is no WebSocket at this address; the fleet link is /link')
    if (!opensLink(request, this.#keys))
      return problem('UNAUTHORIZED', 'The link needs both keys, in Authorization and x-lb-auth', {
        headers: { 'www-authenticate': 'Bearer' },
      })
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((word) => word.trim())
    if (!offered.includes(PROTOCOL))
      return problem('INVALID_REQUEST', `The link speaks the subprotocol ${PROTOCOL}; offer it`)
    const fault = findHandshakeFault(request)
    const headers = { 'sec-websocket-version': '13' }
    return fault === undefined ? undefined : problem('INVALID_REQUEST', fault, { headers })
  }

  #open(socket: WireSocket): void {
    const session = new LinkSession(this.#shared, outletOf(socket))
    const gone = Promise.withResolvers<void>()
    this.#sessions.set(session, { socket, gone })
    socket.start({
      onText: (text) => session.onText(text),
      onBinary: (frame) => session.onBinary(frame),
      onClosed: (code, reason) => {
        this.#sessions.delete(session)
        session.closed()
        this.#shared.parts.log.info('a link closed', { peer: session.peerName, code, reason })
        gone.resolve()
      },
    })
    session.open()
  }
}

async function withinLimit(waits: readonly Promise<void>[], limitMs: number): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, limitMs)
  await Promise.race([Promise.all(waits), late.promise])
  clearTimeout(timer)
}

function outletOf(socket: WireSocket): Outlet {
  return {
    get backlogBytes() {
      // A socket that is closing takes nothing more; what is written to it would count as delivered.
      return socket.isOpen ? socket.backlogBytes : Number.POSITIVE_INFINITY
    },
    sendText: (text) => socket.sendText(text),
    sendFrame(frame, handedOver) {
      if (!socket.isOpen) return
      socket.sendBinary(frame, (error) => {
        if (error) return
        reuseFrame(frame)
        handedOver()
      })
    },
    close: (code, reason) => socket.close(code, reason),
  }
}
