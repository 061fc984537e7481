/**
 * One connection as long as nothing but plain tasks comes on it: a request in one piece is read, its task run, its
 * answer written, and then the next one is looked at. Made by the shortcut (shortcut.ts) for every new connection;
 * handed over to Node's server, for good, with the first piece that is anything else.
 *
 *   fresh ──plain task──▶ busy ──answer──▶ idle ──plain task──▶ busy …
 *     └──anything else, drain, silence──────┴──────▶ handed over
 *
 * Invariant: at most one request is under way; what comes behind it waits, unread, and a client that does not
 * take its answers is not read at all. A connection that closes ends its task.
 */
import { timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import { readShortcutHead, SHORTCUT_HEAD_BYTES, type ShortcutHead } from './shortcut-head.ts'
import type { OpenBody } from './stream-reply.ts'
import type { TaskAnswer, TaskReply } from './tasks.ts'

/** What the shortcut has for all of its connections. */
export interface ShortcutShare {
  /** Whether the key of a head is right and its body within the limit; asked once for equal heads of a connection. */
  isWelcome(head: ShortcutHead, socket: Socket): boolean
  /** Whether a body of so many bytes may come in now. */
  mayCome(bodyBytes: number): boolean
  /** Runs the task; the function that comes back ends it because its caller has gone. */
  run(head: ShortcutHead, body: Buffer, reply: TaskReply): () => void
  atTurnEnd(act: () => void): void
  write(socket: Socket, answer: TaskAnswer, isLast: boolean): void
  isDraining(): boolean
  /** Its first request has come whole. */
  onFirst(socket: Socket): void
  onAnswered(): void
  /** Gives the connection to Node's server. */
  onHandOver(socket: Socket): void
  onGone(socket: Socket): void
  /** How long a new connection may say nothing, and one that has been served. */
  readonly firstMs: number
  readonly idleMs: number
  readonly requestsPerSocket: number
}

const END_OF_HEAD = '\r\n\r\n'
/** A body with this word, or with escapes that may make it, may ask for a stream, which only Node's response carries. */
const STREAM = '"stream"'
const ESCAPE = '\\u'
const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n'

/** With an address that names the function, the body is the input and says nothing else. */
function mayStream({ target, headBytes }: ShortcutHead, piece: Buffer): boolean {
  return target === undefined && (piece.includes(STREAM, headBytes) || piece.includes(ESCAPE, headBytes))
}

interface Known {
  readonly head: ShortcutHead
  /** The bytes of it; the next request mostly has the same. */
  readonly bytes: Buffer
}

export class ShortcutConnection implements TaskReply {
  readonly #socket: Socket
  readonly #share: ShortcutShare
  #known: Known | undefined
  /** Whether a piece came behind the request that is under way; the socket has it back until the answer is out. */
  #hasHeld = false
  #isBusy = false
  #hasEnded = false
  #answer: TaskAnswer | undefined
  #abandon: (() => void) | undefined
  #served = 0

  constructor(socket: Socket, share: ShortcutShare) {
    this.#socket = socket
    this.#share = share
    socket.on('data', this.#onData)
    socket.on('end', this.#onEnd)
    socket.on('error', this.#onError)
    socket.on('timeout', this.#onTimeout)
    socket.on('close', this.#onClose)
    socket.setTimeout(share.firstMs)
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  /** Nothing more is taken here: who waits for nothing is handed over at once. */
  drain(): void {
    if (!this.#isBusy) this.#handOver(undefined)
  }

  /** Puts the question of half-open.ts to a client that has ended its half. */
  ask(): void {
    if (this.#isBusy && this.#answer === undefined && this.#socket.writable) this.#socket.write(CONTINUE)
  }

  // --- Requests --------------------------------------------------------------------------------

  readonly #onData = (piece: Buffer): void => {
    if (this.#isBusy) return this.#hold(piece)
    this.#hasHeld = false
    const head = this.#served < this.#share.requestsPerSocket ? this.#headOf(piece) : undefined
    if (head === undefined) this.#handOver(piece)
    else this.#serve(head, piece.subarray(head.headBytes))
  }

  /** Given back, not kept here: a socket with something to read tells its end behind that, and no earlier. */
  #hold(piece: Buffer): void {
    this.#hasHeld = true
    this.#socket.pause()
    this.#socket.unshift(piece)
  }

  /** Undefined unless the piece is a whole request, and no more, that is taken here. */
  #headOf(piece: Buffer): ShortcutHead | undefined {
    const head = this.#isKnown(piece) ? this.#known?.head : this.#read(piece)
    if (head === undefined || !this.#share.mayCome(head.bodyBytes)) return undefined
    return mayStream(head, piece) ? undefined : head
  }

  /** The head holds a key, so how long this takes must not tell how much of it was right. */
  #isKnown(piece: Buffer): boolean {
    if (this.#known === undefined) return false
    const { head, bytes } = this.#known
    if (piece.length !== head.headBytes + head.bodyBytes) return false
    return timingSafeEqual(piece.subarray(0, head.headBytes), bytes)
  }

  #read(piece: Buffer): ShortcutHead | undefined {
    const end = piece.indexOf(END_OF_HEAD)
    if (end < 0 || end > SHORTCUT_HEAD_BYTES - END_OF_HEAD.length) return undefined
    const headBytes = end + END_OF_HEAD.length
    const head = readShortcutHead(piece.toString('latin1', 0, headBytes))
    if (head === undefined || piece.length !== headBytes + head.bodyBytes) return undefined
    if (!this.#share.isWelcome(head, this.#socket)) return undefined
    // A copy: the piece goes with its task.
    this.#known = { head, bytes: Buffer.from(piece.subarray(0, headBytes)) }
    return head
  }

  #serve(head: ShortcutHead, body: Buffer): void {
    if (this.#served++ === 0) {
      this.#share.onFirst(this.#socket)
      this.#socket.setTimeout(this.#share.idleMs)
    }
    this.#isBusy = true
    const abandon = this.#share.run(head, body, this)
    if (this.#isBusy && this.#answer === undefined) this.#abandon = abandon
  }

  // --- Answers ---------------------------------------------------------------------------------

  answer(answer: TaskAnswer): void {
    this.#answer = answer
    this.#abandon = undefined
    this.#share.atTurnEnd(this.#send)
  }

  /** Never asked: a body that could ask for a stream is not taken here. */
  readonly open: OpenBody = () => {
    throw new Error('the shortcut carries no streams')
  }

  readonly #send = (): void => {
    const answer = this.#answer
    this.#answer = undefined
    this.#isBusy = false
    const socket = this.#socket
    const isLast = this.#hasEnded || (this.#share.isDraining() && !this.#hasHeld)
    if (answer !== undefined && !socket.destroyed && socket.writable) {
      this.#share.write(socket, answer, isLast)
      if (isLast) this.#close()
      else if (socket.writableNeedDrain) this.#waitForReader()
      else if (this.#hasHeld) this.#goOn()
    }
    this.#share.onAnswered()
  }

  #close(): void {
    this.#socket.off('data', this.#onData)
    this.#socket.destroySoon()
  }

  /** One answer at most waits for a client to read it. */
  #waitForReader(): void {
    this.#socket.pause()
    this.#socket.once('drain', this.#goOn)
  }

  readonly #goOn = (): void => {
    this.#socket.resume()
  }

  // --- The connection --------------------------------------------------------------------------

  readonly #onEnd = (): void => {
    this.#hasEnded = true
    if (!this.#isBusy) this.#close()
  }

  readonly #onError = (): void => {
    this.#socket.destroy()
  }

  readonly #onTimeout = (): void => {
    if (this.#isBusy) return
    // Who says nothing at first is Node's to wait for; who has been served is done.
    if (this.#served === 0) this.#handOver(undefined)
    else this.#socket.destroy()
  }

  readonly #onClose = (): void => {
    this.#share.onGone(this.#socket)
    this.#abandon?.()
    this.#abandon = undefined
  }

  #handOver(piece: Buffer | undefined): void {
    const socket = this.#socket
    socket.pause()
    socket.off('data', this.#onData)
    socket.off('end', this.#onEnd)
    socket.off('error', this.#onError)
    socket.off('timeout', this.#onTimeout)
    socket.off('close', this.#onClose)
    socket.off('drain', this.#goOn)
    socket.setTimeout(0)
    this.#share.onHandOver(socket)
    if (piece !== undefined) socket.unshift(piece)
    socket.resume()
  }
}
