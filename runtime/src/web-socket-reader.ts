/**
 * Reads the frames of a WebSocket (RFC 6455) as their bytes come, wherever they are cut. One per socket, kept by
 * web-socket.ts. Speaks no extensions.
 * Invariants: of a message no more than its limit is kept, and memory for it grows with what has come; what is
 * broken is told once, and nothing behind it is read; a piece that does not last is not held on to.
 */
import { isUtf8 } from 'node:buffer'

export interface WebSocketSink {
  onText(text: string): void
  /** The bytes are the sink's to keep. */
  onBinary(bytes: Buffer): void
  onPing(payload: Buffer): void
  /** The peer closes; 1005 when it names no code. */
  onClose(code: number, reason: string): void
  /** The peer broke the protocol: the socket is to be closed with this. */
  onBreach(code: number, reason: string): void
}

export interface MessageLimits {
  readonly textBytes: number
  readonly binaryBytes: number
}

const MORE = 0
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10
const OPCODES: ReadonlySet<number> = new Set([MORE, TEXT, BINARY, CLOSE, PING, PONG])

const NOT_YET = -1
/** The longest head, and the longest control frame with it. */
const HEAD_BYTES = 14
const MOST_CONTROL_BYTES = 125
const REST_BYTES = HEAD_BYTES + MOST_CONTROL_BYTES
/** So much that is still to come of a frame is worth being read into its place. */
const DIRECT_BYTES = 16 * 1024
/** Memory that an announced length gets at once. */
const FIRST_BYTES = 256 * 1024
const NOTHING = Buffer.alloc(0)

export class WebSocketReader {
  readonly #sink: WebSocketSink
  readonly #limits: MessageLimits
  /** Frames of a client have a mask, those of a server have none. */
  readonly #isFromClient: boolean
  #isOver = false
  /** Of a frame that is not whole: all of it as long as its head, or a control frame, is not. */
  #rest: Buffer | undefined
  /** TEXT or BINARY while a message is under way. */
  #kind = 0
  /** Of the frame that is read: what it is, whether it ends its message, and how much is still to come. */
  #opcode = 0
  #isLast = false
  #left = 0
  #mask = 0
  /** What has come of the message. */
  #body = NOTHING
  #filled = 0

  constructor(sink: WebSocketSink, limits: MessageLimits, isFromClient: boolean) {
    this.#sink = sink
    this.#limits = limits
    this.#isFromClient = isFromClient
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#isOver = true
    this.#body = NOTHING
    this.#rest = undefined
  }

  /** Reads what came; `isLasting` when its memory is not used again, so that messages may be views on it. */
  push(piece: Buffer, isLasting: boolean): void {
    let at = this.#rest === undefined ? 0 : this.#goOn(this.#rest, piece)
    while (at < piece.length && !this.#isOver)
      at = this.#left > 0 ? this.#fill(piece, at) : this.#begin(piece, at, isLasting)
  }

  /** Where the next bytes belong, when they are the middle of a long frame; `filled` tells how many came. */
  room(): Buffer | undefined {
    if (this.#left < DIRECT_BYTES || this.#isOver) return undefined
    if (this.#body.length === this.#filled) this.#grow(1)
    return this.#body.subarray(this.#filled, Math.min(this.#body.length, this.#filled + this.#left))
  }

  filled(count: number): void {
    if (!this.#isOver) this.#advance(count)
  }

  /** Goes on with a frame whose beginning was kept; returns how much of the piece was used. */
  #goOn(rest: Buffer, piece: Buffer): number {
    this.#rest = undefined
    const joined = Buffer.concat([rest, piece.subarray(0, REST_BYTES)])
    return this.#begin(joined, 0, false) - rest.length
  }

  /** Begins with a frame at its head; returns how far it came. */
  #begin(piece: Buffer, start: number, isLasting: boolean): number {
    const at = this.#readHead(piece, start)
    if (this.#isOver) return piece.length
    const end = at + this.#left
    const isWhole = end <= piece.length
    if (at === NOT_YET || (this.#opcode >= CLOSE && !isWhole)) return this.#keep(piece, start)
    if (!isWhole || (this.#opcode < CLOSE && (!this.#isLast || this.#filled > 0))) {
      if (this.#left === 0) this.#endFrame()
      return at
    }
    this.#left = 0
    const bytes = piece.subarray(at, end)
    if (this.#mask !== 0) unmask(bytes, this.#mask)
    if (this.#opcode < CLOSE) this.#deliver(bytes, isLasting)
    else this.#control(bytes)
    return end
  }

  #keep(piece: Buffer, start: number): number {
    this.#left = 0
    this.#rest = Buffer.from(piece.subarray(start))
    return piece.length
  }

  /** Where its payload begins; NOT_YET when the head is not whole. */
  #readHead(piece: Buffer, start: number): number {
    const room = piece.length - start
    if (room < 2) return NOT_YET
    const first = piece[start] as number
    const second = piece[start + 1] as number
    const breach = this.#breachOf(first, second)
    if (breach !== undefined) return this.#fail(1002, breach)
    const short = second & 0x7f
    const maskAt = start + (short < 126 ? 2 : short === 126 ? 4 : 10)
    const at = second > 0x7f ? maskAt + 4 : maskAt
    if (room < at - start) return NOT_YET
    const length = short < 126 ? short : lengthAt(piece, start + 2, maskAt)
    this.#mask = at > maskAt ? piece.readInt32BE(maskAt) : 0
    this.#opcode = first & 0x0f
    this.#left = length
    if (this.#opcode >= CLOSE) return at
    if (this.#opcode !== MORE) this.#kind = this.#opcode
    this.#isLast = first > 0x7f
    const most = this.#kind === TEXT ? this.#limits.textBytes : this.#limits.binaryBytes
    if (this.#filled + length > most) return this.#fail(1009, `a message is over ${most} bytes`)
    return at
  }

  /** What is wrong with the first two bytes of a frame. */
  #breachOf(first: number, second: number): string | undefined {
    const opcode = first & 0x0f
    if ((first & 0x70) !== 0) return 'a frame has reserved bits'
    if (!OPCODES.has(opcode)) return `a frame has the unknown opcode ${opcode}`
    if (second > 0x7f !== this.#isFromClient) return 'the mask of a frame is not as it must be'
    if (opcode >= CLOSE)
      return isControlHead(first, second) ? undefined : 'a control frame is too long or cut'
    if (opcode === MORE) return this.#kind === 0 ? 'a frame goes on with no message' : undefined
    return this.#kind === 0 ? undefined : 'a message begins inside another one'
  }

  #fill(piece: Buffer, at: number): number {
    const count = Math.min(this.#left, piece.length - at)
    this.#grow(count)
    piece.copy(this.#body, this.#filled, at, at + count)
    this.#advance(count)
    return at + count
  }

  /** Makes room for so many bytes of the frame: what is announced, but little of it far ahead of what comes. */
  #grow(count: number): void {
    const needed = this.#filled + count
    if (needed <= this.#body.length) return
    const ahead = Math.max(needed, FIRST_BYTES, 2 * this.#body.length)
    const larger = Buffer.allocUnsafe(Math.min(this.#filled + this.#left, ahead))
    this.#body.copy(larger, 0, 0, this.#filled)
    this.#body = larger
  }

  #advance(count: number): void {
    if (this.#mask !== 0) {
      unmask(this.#body.subarray(this.#filled, this.#filled + count), this.#mask)
      this.#mask = turned(this.#mask, count)
    }
    this.#filled += count
    this.#left -= count
    if (this.#left === 0) this.#endFrame()
  }

  #endFrame(): void {
    if (this.#isLast) this.#deliver(this.#body.subarray(0, this.#filled), true)
  }

  #deliver(bytes: Buffer, isLasting: boolean): void {
    const kind = this.#kind
    this.#kind = 0
    this.#filled = 0
    this.#body = NOTHING
    if (kind === BINARY) this.#sink.onBinary(isLasting ? bytes : Buffer.from(bytes))
    else if (isUtf8(bytes)) this.#sink.onText(bytes.toString('utf8'))
    else this.#fail(1007, 'a text frame is not UTF-8')
  }

  #control(payload: Buffer): void {
    if (this.#opcode === PING) return this.#sink.onPing(Buffer.from(payload))
    if (this.#opcode === PONG) return
    if (payload.length === 0) return this.#close(1005, '')
    const code = payload.length < 2 ? 0 : payload.readUInt16BE(0)
    const reason = payload.subarray(2)
    if (!isCloseCode(code)) this.#fail(1002, 'a close has no valid code')
    else if (!isUtf8(reason)) this.#fail(1007, 'the reason of a close is not UTF-8')
    else this.#close(code, reason.toString('utf8'))
  }

  #close(code: number, reason: string): void {
    this.stop()
    this.#sink.onClose(code, reason)
  }

  #fail(code: number, reason: string): typeof NOT_YET {
    this.stop()
    this.#sink.onBreach(code, reason)
    return NOT_YET
  }
}

function isControlHead(first: number, second: number): boolean {
  return first > 0x7f && (second & 0x7f) <= MOST_CONTROL_BYTES
}

function lengthAt(piece: Buffer, at: number, end: number): number {
  if (end - at === 2) return piece.readUInt16BE(at)
  return piece.readUInt32BE(at) * 0x1_0000_0000 + piece.readUInt32BE(at + 4)
}

function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006
}

/** In place, with the four bytes of the mask, the first one highest. */
function unmask(bytes: Buffer, mask: number): void {
  for (let i = 0; i < bytes.length; i++)
    bytes[i] = (bytes[i] as number) ^ ((mask >>> (24 - 8 * (i & 3))) & 0xff)
}

/** The mask as it stands `count` bytes further. */
function turned(mask: number, count: number): number {
  const bits = 8 * (count & 3)
  return bits === 0 ? mask : (mask << bits) | (mask >>> (32 - bits))
}
