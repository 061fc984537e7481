/**
 * One end of an open WebSocket (RFC 6455, no extensions) on a socket of its own: what links between our processes
 * are made of. A message leaves as one write, with its head in front of it in the same memory, and comes without
 * a stream between the socket and whoever reads it. Made by web-socket-dial.ts and web-socket-accept.ts; wherever
 * a browser is at the other end, `ws` is used.
 * Invariants: nothing is read before `start`; `onClosed` comes once, nothing comes after it, and no error of the
 * socket is left without a listener.
 */
import type { Socket } from 'node:net'
import { type MessageLimits, WebSocketReader, type WebSocketSink } from './web-socket-reader.ts'

export interface WireEvents {
  onText(text: string): void
  /** The bytes are the listener's to keep. */
  onBinary(bytes: Buffer): void
  /** 1006 when the peer went without a word, 1005 when it closed without a code; what we found broken otherwise. */
  onClosed(code: number, reason: string): void
}

export interface WireTerms {
  readonly isClient: boolean
  readonly limits: MessageLimits
  /** How long the peer may take to agree to a close, ms. */
  readonly closeWaitMs: number
}

/** Called when the operating system has the message, or with why it never will. */
export type HandedOver = (error?: Error | null) => void

/** What the longest head of a message takes. */
export const WIRE_HEAD_BYTES = 14

const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PONG = 10
const MOST_REASON_BYTES = 123
/** A peer that does not read gets no more answers to its pings. */
const MOST_UNREAD_BYTES = 64 * 1024
const GONE = 1006

export class WireSocket implements WebSocketSink {
  readonly #socket: Socket
  readonly #terms: WireTerms
  readonly #reader: WebSocketReader
  #events: WireEvents | undefined
  /** What came behind the handshake, before anybody listened. */
  #early: Buffer | undefined
  #isOpen = true
  #isGone = false
  #hasSaidClose = false
  #code = GONE
  #reason = ''
  #closing: NodeJS.Timeout | undefined

  /** `early`: what came behind the handshake. The socket is paused, and has an error listener of its own from here on. */
  constructor(socket: Socket, early: Buffer, terms: WireTerms) {
    this.#socket = socket
    this.#terms = terms
    this.#early = early.length > 0 ? early : undefined
    this.#reader = new WebSocketReader(this, terms.limits, !terms.isClient)
    socket.on('error', ignore)
    socket.on('end', this.#onEnd)
    socket.on('close', this.#onGone)
  }

  /** Whether messages may still be sent. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Bytes that the operating system has not taken yet. */
  get backlogBytes(): number {
    return this.#socket.writableLength
  }

  /** Begins to read, once whoever calls this is done. */
  start(events: WireEvents): void {
    this.#events = events
    process.nextTick(this.#begin)
  }

  readonly #begin = (): void => {
    const early = this.#early
    this.#early = undefined
    if (early) this.#reader.push(early, true)
    if (this.#isGone) this.#tellClosed()
    else this.#socket.resume()
  }

  // --- Out -------------------------------------------------------------------------------------

  sendText(text: string, handedOver?: HandedOver): void {
    if (!this.#isOpen) return
    const length = Buffer.byteLength(text)
    const head = this.#headBytes(length)
    const bytes = Buffer.allocUnsafe(head + length)
    bytes.write(text, head, 'utf8')
    this.#write(bytes, TEXT, head, handedOver)
  }

  /**
   * Sends the bytes of `message`, before which `WIRE_HEAD_BYTES` of the same memory are free to be written to. It
   * stays untouched until it is handed over.
   */
  sendBinary({ buffer, byteOffset, length }: Uint8Array, handedOver?: HandedOver): void {
    if (!this.#isOpen) return
    const head = this.#headBytes(length)
    this.#write(Buffer.from(buffer, byteOffset - head, head + length), BINARY, head, handedOver)
  }

  /** Says a last word and waits a bounded time for the peer's. */
  close(code: number, reason: string): void {
    if (!this.#isOpen) return
    this.#sayClose(code, reason)
  }

  /** Cuts it. */
  terminate(): void {
    this.#isOpen = false
    this.#reader.stop()
    this.#socket.destroy()
  }

  #headBytes(length: number): number {
    const plain = length < 126 ? 2 : length < 0x1_0000 ? 4 : 10
    return this.#terms.isClient ? plain + 4 : plain
  }

  /** The head fills the first bytes. A mask guards proxies against pages in a browser; here it is zero. */
  #write(bytes: Buffer, opcode: number, head: number, handedOver?: HandedOver): void {
    const length = bytes.length - head
    const mask = this.#terms.isClient ? 0x80 : 0
    bytes[0] = 0x80 | opcode
    if (length < 126) bytes[1] = mask | length
    else if (length < 0x1_0000) {
      bytes[1] = mask | 126
      bytes.writeUInt16BE(length, 2)
    } else {
      bytes[1] = mask | 127
      bytes.writeUInt32BE(0, 2)
      bytes.writeUInt32BE(length, 6)
    }
    if (mask !== 0) bytes.writeUInt32BE(0, head - 4)
    this.#socket.write(bytes, handedOver)
  }

  #sayClose(code: number, reason: string): void {
    this.#isOpen = false
    this.#hasSaidClose = true
    const payload = Buffer.alloc(2 + MOST_REASON_BYTES)
    payload.writeUInt16BE(code, 0)
    const length = code === 1005 ? 0 : 2 + payload.write(reason, 2, 'utf8')
    const head = this.#headBytes(length)
    this.#write(Buffer.concat([Buffer.alloc(head), payload.subarray(0, length)]), CLOSE, head)
    this.#closing = setTimeout(() => this.#socket.destroy(), this.#terms.closeWaitMs)
  }

  // --- In --------------------------------------------------------------------------------------

  /** Where the next bytes belong, if they are the middle of a long message. */
  room(): Buffer | undefined {
    return this.#reader.room()
  }

  /** So many bytes came to where `room` said. */
  filled(count: number): void {
    this.#reader.filled(count)
  }

  /** Takes bytes from the socket; `isLasting` when their memory is not used again. */
  receive(piece: Buffer, isLasting: boolean): void {
    this.#reader.push(piece, isLasting)
  }

  onText(text: string): void {
    this.#events?.onText(text)
  }

  onBinary(bytes: Buffer): void {
    this.#events?.onBinary(bytes)
  }

  onPing(payload: Buffer): void {
    if (!this.#isOpen || this.backlogBytes > MOST_UNREAD_BYTES) return
    const head = this.#headBytes(payload.length)
    this.#write(Buffer.concat([Buffer.alloc(head), payload]), PONG, head)
  }

  onClose(code: number, reason: string): void {
    this.#code = code
    this.#reason = reason
    if (!this.#hasSaidClose) this.#sayClose(code, reason)
    this.#socket.end()
  }

  /** What still comes is read and dropped, so that the peer can read why. */
  onBreach(code: number, reason: string): void {
    this.#code = code
    this.#reason = reason
    this.close(code, reason)
    this.#socket.end()
  }

  readonly #onEnd = (): void => {
    this.#isOpen = false
    this.#socket.end()
  }

  readonly #onGone = (): void => {
    this.#isOpen = false
    this.#isGone = true
    clearTimeout(this.#closing)
    this.#reader.stop()
    this.#tellClosed()
  }

  #tellClosed(): void {
    const events = this.#events
    this.#events = undefined
    events?.onClosed(this.#code, this.#reason)
  }
}

/** `close` follows. */
function ignore(): void {}
