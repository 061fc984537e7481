/**
 * Growing writer and bounded reader of big-endian bytes, under every binary record. The writer owns
 * its buffer until `take`; the reader never reads past its end and says so with a ProtocolError.
 */
const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true })

/** A peer broke the protocol: the link is closed with `closeCode`. */
export class ProtocolError extends Error {
  readonly closeCode: number

  constructor(message: string, closeCode = 1002) {
    super(message)
    this.name = 'ProtocolError'
    this.closeCode = closeCode
  }
}

/** Of a fresh buffer; it grows as it is written. */
const CAPACITY = 4096
const NO_BYTES = new Uint8Array(0)
const NO_VIEW = new DataView(NO_BYTES.buffer)
/** Longer texts are written by the engine, which is slower to ask and quicker to write. */
const SHORT_TEXT = 64

/** Buffers of `CAPACITY` that are free again, for all writers: fresh ones are zeroed, and garbage behind. */
const spares: Uint8Array<ArrayBuffer>[] = []
const MOST_SPARES = 64

/** Nobody looks at these bytes of `take` any more: their memory serves other writers. */
export function reuseBytes({ buffer }: Uint8Array): void {
  if (buffer.byteLength !== CAPACITY || !(buffer instanceof ArrayBuffer)) return
  if (spares.length < MOST_SPARES) spares.push(new Uint8Array(buffer))
}

export class ByteWriter {
  /** Empty until something is written: most links have nothing to say most of the time. */
  #bytes: Uint8Array = NO_BYTES
  #view: DataView = NO_VIEW
  readonly #headroom: number
  /** Where the next byte goes: behind the headroom and what is written. */
  #length: number

  /** `headroom`: so many bytes stay free before what is written, in the memory that `take` hands over. */
  constructor(headroom = 0) {
    this.#headroom = headroom
    this.#length = headroom
  }

  get length(): number {
    return this.#length - this.#headroom
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  u16(value: number): void {
    this.#reserve(2)
    this.#view.setUint16(this.#length, value)
    this.#length += 2
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#length, value)
    this.#length += 4
  }

  /** A safe integer as u64. */
  u64(value: number): void {
    this.#reserve(8)
    this.#view.setUint32(this.#length, Math.floor(value / 0x1_0000_0000))
    this.#view.setUint32(this.#length + 4, value >>> 0)
    this.#length += 8
  }

  f64(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#length, value)
    this.#length += 8
  }

  bytes(data: Uint8Array): void {
    this.#reserve(data.length)
    this.#bytes.set(data, this.#length)
    this.#length += data.length
  }

  /** UTF-8 text behind its length in one byte; text of more than 255 bytes is a programming error. */
  text8(text: string): void {
    const at = this.#length
    this.u8(0)
    const length = this.text(text)
    if (length > 255) throw new RangeError(`text of ${length} bytes does not fit a one-byte length`)
    this.#bytes[at] = length
  }

  /** UTF-8 text behind its length in two bytes. */
  text16(text: string): void {
    const at = this.#length
    this.u16(0)
    const length = this.text(text)
    if (length > 65_535) throw new RangeError(`text of ${length} bytes does not fit a two-byte length`)
    this.#view.setUint16(at, length)
  }

  patchU16(at: number, value: number): void {
    this.#view.setUint16(this.#headroom + at, value)
  }

  patchU32(at: number, value: number): void {
    this.#view.setUint32(this.#headroom + at, value)
  }

  /** Hands the written bytes over and begins anew. */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(this.#headroom, this.#length)
    this.#bytes = NO_BYTES
    this.#view = NO_VIEW
    this.#length = this.#headroom
    return bytes
  }

  /** Goes on in `buffer`, which is larger than what is written, instead of growing step by step. */
  moveInto(buffer: Uint8Array<ArrayBuffer>): void {
    buffer.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = buffer
    this.#view = new DataView(buffer.buffer)
  }

  /** UTF-8 text as it is; returns its bytes. */
  text(text: string): number {
    this.#reserve(text.length * 3)
    const start = this.#length
    if (text.length > SHORT_TEXT) return this.#wideText(text, start)
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 127) return this.#wideText(text, start)
      this.#bytes[start + i] = unit
    }
    this.#length = start + text.length
    return text.length
  }

  #wideText(text: string, start: number): number {
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(start))
    this.#length = start + written
    return written
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed > this.#bytes.length) this.#grow(needed)
  }

  #grow(needed: number): void {
    const isSmall = needed <= CAPACITY
    const larger = isSmall
      ? (spares.pop() ?? new Uint8Array(CAPACITY))
      : new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    if (this.length > 0) larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

/** A text that is mostly the same again, such as a name: what was read last. Only ASCII is kept. */
export interface KnownText {
  last: string
}

export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at: number
  #end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#at = start
    this.#end = end
  }

  /** Goes on with another part of the same bytes. */
  turnTo(start: number, end: number): void {
    this.#at = start
    this.#end = end
  }

  get at(): number {
    return this.#at
  }

  get left(): number {
    return this.#end - this.#at
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4))
  }

  /** A u64 that must be a safe integer. */
  u64(): number {
    const at = this.#advance(8)
    const value = this.#view.getUint32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4)
    if (!Number.isSafeInteger(value)) throw new ProtocolError('a u64 is over 2^53')
    return value
  }

  f64(): number {
    return this.#view.getFloat64(this.#advance(8))
  }

  /** A view on the next bytes; it shares memory with the frame. */
  bytes(count: number): Uint8Array {
    const at = this.#advance(count)
    return this.#bytes.subarray(at, at + count)
  }

  rest(): Uint8Array {
    return this.bytes(this.left)
  }

  text8(): string {
    return this.#text(this.u8())
  }

  /** The same where the text is mostly `known.last`, which is then not made again. */
  knownText8(known: KnownText): string {
    const length = this.u8()
    if (this.#stands(known.last, length)) {
      this.#at += length
      return known.last
    }
    const text = this.#text(length)
    if (text.length === length) known.last = text
    return text
  }

  text16(): string {
    return this.#text(this.u16())
  }

  skipTo(at: number): void {
    if (at < this.#at || at > this.#end) throw new ProtocolError('a header is longer than its record')
    this.#at = at
  }

  #stands(text: string, length: number): boolean {
    if (text.length !== length || length > this.left) return false
    for (let i = 0; i < length; i++) if (this.#bytes[this.#at + i] !== text.charCodeAt(i)) return false
    return true
  }

  #text(length: number): string {
    const at = this.#advance(length)
    for (let i = at; i < at + length; i++)
      if ((this.#bytes[i] as number) > 127) return decodeText(this.#bytes.subarray(at, at + length))
    return asciiText(this.#bytes, at, at + length)
  }

  #advance(count: number): number {
    const at = this.#at
    if (at + count > this.#end) throw new ProtocolError('a record ends in the middle of a field')
    this.#at = at + count
    return at
  }
}

/** Node's own, where there is one: an order quicker than a decoder for a few bytes. */
type Slice = (this: Uint8Array, start: number, end: number) => string
const { Buffer: NodeBuffer } = globalThis as { Buffer?: { prototype: { latin1Slice?: Slice } } }
const latin1Slice = NodeBuffer?.prototype.latin1Slice

function asciiText(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice ? latin1Slice.call(bytes, start, end) : decodeText(bytes.subarray(start, end))
}

function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new ProtocolError('a text is not UTF-8', 1007)
  }
}
