/**
 * The slot feed for balancers of another make (`WEBSOCKET_PORT`): a WebSocket on a port of its own. Whoever joins offers
 * one subprotocol whose text is the fleet key, and gets it back; "ping" is answered with `{status, slots}`, and
 * `{status, slots, system, services}` comes each second and on every change. Made by compose when the port is set.
 * Invariants: nothing is said to anybody without the key, who is closed with 4001; a reader that falls behind is cut.
 */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { sameKey } from '@berth/runtime'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Keys } from '../config.ts'
import type { WorkerParts } from '../parts.ts'
import { Pulse } from './pulse.ts'

const WRONG_KEY = 4001
const TOO_MANY = 1013
const GOING_AWAY = 1001
const MOST_CLIENTS = 64
const MOST_MESSAGE_BYTES = 1024
const MOST_UNREAD_BYTES = 256 * 1024
const TICK_MS = 250

/** A header's token (RFC 9110), which is all that a subprotocol can be. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** Why a key cannot be offered as a subprotocol; undefined when it can. */
export function findNoToken(key: string): string | undefined {
  if (TOKEN.test(key)) return undefined
  return 'cannot be a WebSocket subprotocol, which WEBSOCKET_PORT needs: use letters, digits and - _ . only, or unset WEBSOCKET_PORT'
}

export class SlotFeed {
  readonly #parts: WorkerParts
  readonly #keys: Keys
  readonly #server: Server = createServer((_req, res) => res.writeHead(426, { upgrade: 'websocket' }).end())
  readonly #sockets: WebSocketServer
  readonly #pulse: Pulse
  #ticking: NodeJS.Timeout | undefined
  #unfollow: (() => void)[] = []

  constructor(parts: WorkerParts, keys: Keys) {
    this.#parts = parts
    this.#keys = keys
    this.#pulse = new Pulse(parts.clock, () => this.#push())
    this.#sockets = new WebSocketServer({
      server: this.#server,
      perMessageDeflate: false,
      maxPayload: MOST_MESSAGE_BYTES,
      handleProtocols: (offered) => [...offered][0] ?? false,
    })
    this.#sockets.on('connection', (socket, req) => this.#onSocket(socket, req))
  }

  /** The port that it listens at. Rejects with the system's error when it cannot be had. */
  start(port: number, host: string): Promise<number> {
    const { intake, condition } = this.#parts
    const note = () => this.#pulse.note()
    this.#unfollow = [intake.onChange(note), condition.onChange(note)]
    this.#ticking = setInterval(() => this.#pulse.tick(), TICK_MS).unref()
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        this.#server.removeListener('error', reject)
        const address = this.#server.address()
        resolve(typeof address === 'object' && address ? address.port : port)
      })
    })
  }

  async stop(): Promise<void> {
    clearInterval(this.#ticking)
    this.#pulse.stop()
    for (const stop of this.#unfollow) stop()
    for (const socket of this.#sockets.clients) {
      socket.close(GOING_AWAY, 'the worker is shutting down')
      socket.terminate()
    }
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #onSocket(socket: WebSocket, req: IncomingMessage): void {
    socket.on('error', () => {})
    if (!this.#hasKey(req)) return socket.close(WRONG_KEY, 'the subprotocol must be the fleet key')
    if (this.#sockets.clients.size > MOST_CLIENTS) return socket.close(TOO_MANY, 'too many follow already')
    socket.on('message', (data, isBinary) => {
      if (!isBinary && data.toString() === 'ping') this.#send(socket, this.#state())
    })
  }

  #hasKey({ headers }: IncomingMessage): boolean {
    return sameKey(headers['sec-websocket-protocol'], this.#keys.fleetKey)
  }

  /** Always true: who has no room for it is cut. */
  #push(): boolean {
    if (this.#sockets.clients.size === 0) return true
    const { services, system } = this.#parts
    const { uptimeS, memoryUsed, cpuLoad } = system.latest
    const state = {
      ...this.#state(),
      system: { uptime: uptimeS, usedMemoryPercent: Math.round(memoryUsed * 1000) / 10, cpuLoad },
      services: services.states.map(({ name, state }) => ({
        name,
        status: state === 'running' ? 'ready' : 'unready',
        state,
      })),
    }
    for (const socket of this.#sockets.clients) this.#send(socket, state)
    return true
  }

  #state() {
    const { condition, intake } = this.#parts
    const { used, available, limit, queued } = intake
    return { status: condition.status, slots: { used, available, limit, queue: queued } }
  }

  /** A socket that is being refused is open for a moment and hears nothing. */
  #send(socket: WebSocket, message: object): void {
    if (socket.readyState !== socket.OPEN) return
    if (socket.bufferedAmount > MOST_UNREAD_BYTES) socket.terminate()
    else socket.send(JSON.stringify(message))
  }
}
