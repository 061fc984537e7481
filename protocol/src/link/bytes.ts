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
const LEAST_CAPACITY = 256
const MOST_CAPACITY = 4096

export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(capacity = MOST_CAPACITY) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
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
    const length = this.#text(text)
    if (length > 255) throw new RangeError(`text of ${length} bytes does not fit a one-byte length`)
    this.#bytes[at] = length
  }

  /** UTF-8 text behind its length in two bytes. */
  text16(text: string): void {
    const at = this.#length
    this.u16(0)
    const length = this.#text(text)
    if (length > 65_535) throw new RangeError(`text of ${length} bytes does not fit a two-byte length`)
    this.#view.setUint16(at, length)
  }

  patchU16(at: number, value: number): void {
    this.#view.setUint16(at, value)
  }

  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value)
  }

  /**
   * Hands the written bytes over and begins with a fresh buffer, of about the size that was needed:
   * it is zeroed and counted by the collector whether it is filled or not.
   */
  take(): Uint8Array {
    const bytes = this.#bytes.subarray(0, this.#length)
    this.#bytes = new Uint8Array(Math.min(Math.max(2 * this.#length, LEAST_CAPACITY), MOST_CAPACITY))
    this.#view = new DataView(this.#bytes.buffer)
    this.#length = 0
    return bytes
  }

  /** Goes on in `buffer`, which is larger than what is written, instead of growing step by step. */
  moveInto(buffer: Uint8Array<ArrayBuffer>): void {
    buffer.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = buffer
    this.#view = new DataView(buffer.buffer)
  }

  #text(text: string): number {
    this.#reserve(text.length * 3)
    const start = this.#length
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
    if (needed <= this.#bytes.length) return
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    larger.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = larger
    this.#view = new DataView(larger.buffer)
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at: number
  readonly #end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
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

  text16(): string {
    return this.#text(this.u16())
  }

  skipTo(at: number): void {
    if (at < this.#at || at > this.#end) throw new ProtocolError('a header is longer than its record')
    this.#at = at
  }

  #text(length: number): string {
    const at = this.#advance(length)
    let text = ''
    for (let i = at; i < at + length; i++) {
      const unit = this.#bytes[i] as number
      if (unit > 127 || length > 64) return decodeText(this.#bytes.subarray(at, at + length))
      text += String.fromCharCode(unit)
    }
    return text
  }

  #advance(count: number): number {
    const at = this.#at
    if (at + count > this.#end) throw new ProtocolError('a record ends in the middle of a field')
    this.#at = at + count
    return at
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new ProtocolError('a text is not UTF-8', 1007)
  }
}
