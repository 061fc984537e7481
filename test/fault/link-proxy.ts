/**
 * A TCP proxy between a balancer and one worker that can be told to be a bad network: delay, freeze a direction,
 * dribble, limit, cut at byte n, heal. Started by a site for each worker that asks for one.
 * Invariant: bytes of a direction keep their order and none is made up or lost, except by a cut, which resets
 * both ends. While a direction is frozen nothing of it passes, its end neither: the other end sees silence.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Scope } from '../harness/scope.ts'

/** `down`: to the worker. `up`: to the balancer. */
export type Direction = 'down' | 'up'

/** So many bytes at once, then a pause: `{bytes: 1, everyMs: 50}` dribbles, `{bytes: 12_500, everyMs: 100}` is 1 Mbit/s. */
export type Pace = { bytes: number; everyMs: number }

type Terms = {
  isFrozen: boolean
  delayMs: number
  pace: Pace | undefined
  /** Bytes that still pass before both ends are reset. */
  cutIn: number | undefined
  /** Called before the bytes that hold the mark pass. */
  watch: { mark: string; begin: () => void } | undefined
  passedBytes: number
}

/** What a direction holds back before its source has to wait. */
const HELD_BYTES = 1024 * 1024

export class LinkProxy {
  readonly url: string
  readonly port: number
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  readonly #terms: Record<Direction, Terms> = { down: newTerms(), up: newTerms() }
  #onCut: (() => void) | undefined

  private constructor(server: Server, targetPort: number) {
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    this.url = `http://127.0.0.1:${this.port}`
    server.on('connection', (near) => this.#join(near, targetPort))
  }

  /** In front of a loopback port; ends with its scope. */
  static async start(scope: Scope, targetPort: number): Promise<LinkProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const proxy = new LinkProxy(server, targetPort)
    scope.after(() => proxy.stop())
    return proxy
  }

  /** Connections that stand now. */
  get connections(): number {
    return this.#pairs.size
  }

  passedBytes(direction: Direction): number {
    return this.#terms[direction].passedBytes
  }

  /** Nothing passes that way any more, nothing is closed; new connections are accepted and are as mute. */
  freeze(...directions: readonly Direction[]): void {
    for (const direction of directions) this.#terms[direction].isFrozen = true
    this.#apply()
  }

  delay(ms: number, ...directions: readonly Direction[]): void {
    for (const direction of directions) this.#terms[direction].delayMs = ms
  }

  limit(pace: Pace, ...directions: readonly Direction[]): void {
    for (const direction of directions) this.#terms[direction].pace = pace
  }

  /**
   * Lets `bytes` more pass that way, over all connections, then resets them all; resolves when it has. With a
   * `mark` the count begins with the bytes in which it goes down, a task's frame as a rule.
   */
  cutAfter(direction: Direction, bytes: number, mark?: string): Promise<void> {
    const begin = (): void => {
      this.#terms[direction].cutIn = bytes
    }
    if (mark === undefined) begin()
    else this.#terms.down.watch = { mark, begin }
    return new Promise((resolve) => {
      this.#onCut = resolve
    })
  }

  /** Resets every connection now. */
  cut(): void {
    for (const pair of this.#pairs) pair.reset()
  }

  /** A good network again. What was held back arrives, as it would from retransmission. */
  heal(): void {
    Object.assign(this.#terms.down, newTerms(), { passedBytes: this.#terms.down.passedBytes })
    Object.assign(this.#terms.up, newTerms(), { passedBytes: this.#terms.up.passedBytes })
    this.#apply()
  }

  stop(): Promise<void> {
    this.cut()
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }

  #apply(): void {
    for (const pair of this.#pairs) pair.apply()
  }

  #join(near: Socket, targetPort: number): void {
    const far = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    const onCut = (): void => {
      this.cut()
      this.#onCut?.()
    }
    const pair = new Pair(near, far, this.#terms, onCut, () => this.#pairs.delete(pair))
    this.#pairs.add(pair)
  }
}

function newTerms(): Terms {
  return { isFrozen: false, delayMs: 0, pace: undefined, cutIn: undefined, watch: undefined, passedBytes: 0 }
}

/** One connection through the proxy. */
class Pair {
  readonly #sockets: readonly Socket[]
  readonly #pipes: readonly Pipe[]
  #isOver = false
  readonly #onOver: () => void

  constructor(
    near: Socket,
    far: Socket,
    terms: Record<Direction, Terms>,
    onCut: () => void,
    onOver: () => void,
  ) {
    this.#sockets = [near, far]
    this.#onOver = onOver
    this.#pipes = [new Pipe(near, far, terms.down, onCut), new Pipe(far, near, terms.up, onCut)]
    for (const socket of this.#sockets) {
      socket.on('error', () => {})
      socket.on('close', () => this.#closed())
    }
  }

  apply(): void {
    for (const pipe of this.#pipes) pipe.apply()
    this.#closed()
  }

  reset(): void {
    this.#isOver = true
    for (const pipe of this.#pipes) pipe.stop()
    for (const socket of this.#sockets) resetNow(socket)
    this.#onOver()
  }

  /** One end has gone. The other hears of it unless the way there is frozen. */
  #closed(): void {
    if (this.#isOver || this.#pipes.some(({ isFrozen }) => isFrozen)) return
    if (this.#sockets.some(({ destroyed }) => destroyed)) this.reset()
  }
}

/** One whose end is on its way is closed: a reset would be refused, and leave a handle open that nobody knows. */
export function resetNow(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}

type Held = { bytes: Buffer; dueAt: number }

/** One direction of one connection. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  readonly #terms: Terms
  readonly #onCut: () => void
  readonly #held: Held[] = []
  #heldBytes = 0
  #hasEnded = false
  #restUntil = 0
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, terms: Terms, onCut: () => void) {
    this.#from = from
    this.#to = to
    this.#terms = terms
    this.#onCut = onCut
    from.on('data', (bytes: Buffer) => this.#take(bytes))
    from.on('end', () => {
      this.#hasEnded = true
      this.#pass()
    })
    to.on('drain', () => this.#pass())
    this.apply()
  }

  get isFrozen(): boolean {
    return this.#terms.isFrozen
  }

  apply(): void {
    if (this.#terms.isFrozen || this.#heldBytes > HELD_BYTES) this.#from.pause()
    else this.#from.resume()
    this.#pass()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#held.length = 0
  }

  #take(bytes: Buffer): void {
    const { watch } = this.#terms
    if (watch && bytes.includes(watch.mark)) {
      this.#terms.watch = undefined
      watch.begin()
    }
    this.#held.push({ bytes, dueAt: performance.now() + this.#terms.delayMs })
    this.#heldBytes += bytes.length
    if (this.#heldBytes > HELD_BYTES) this.#from.pause()
    this.#pass()
  }

  #pass(): void {
    clearTimeout(this.#timer)
    while (!this.#terms.isFrozen && !this.#to.writableNeedDrain) {
      const head = this.#held[0]
      if (!head) break
      const waitMs = Math.max(head.dueAt, this.#restUntil) - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#pass(), waitMs)
        return
      }
      if (this.#terms.cutIn === 0) return
      this.#write(head)
    }
    if (this.#hasEnded && this.#held.length === 0 && !this.#terms.isFrozen) this.#to.end()
  }

  #write(head: Held): void {
    const terms = this.#terms
    const { pace, cutIn } = terms
    const size = Math.min(head.bytes.length, pace?.bytes ?? Infinity, cutIn ?? Infinity)
    if (cutIn !== undefined) terms.cutIn = cutIn - size
    // What may still pass is with the system before the reset is.
    this.#to.write(head.bytes.subarray(0, size), terms.cutIn === 0 ? () => this.#cut() : undefined)
    head.bytes = head.bytes.subarray(size)
    if (head.bytes.length === 0) this.#held.shift()
    this.#heldBytes -= size
    terms.passedBytes += size
    if (pace) this.#restUntil = performance.now() + pace.everyMs
    if (this.#heldBytes <= HELD_BYTES && !terms.isFrozen) this.#from.resume()
  }

  #cut(): void {
    this.#terms.cutIn = undefined
    this.#onCut()
  }
}
