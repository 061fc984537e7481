/**
 * Gathers the body of one task call as it comes, within its limit. Used by the hot route and by the
 * routed one. A body that comes in one piece stays that piece; from the second on everything is
 * copied together, since many tiny pieces cost far more memory than they hold.
 */
const FIRST_BYTES = 64 * 1024
/** What is still sent of a refused body is read and dropped up to this; then the connection is cut. */
export const DISCARD_BYTES = 64 * 1024 * 1024

export class BodyBytes {
  readonly #limitBytes: number
  readonly #expectedBytes: number
  #buffer: Buffer | undefined
  #bytes = 0
  #isOwn = false

  /** `contentLength` as the header says it, if it does; believed only within the limit. */
  constructor(limitBytes: number, contentLength: string | null | undefined) {
    this.#limitBytes = limitBytes
    this.#expectedBytes = Number(contentLength ?? 0)
  }

  /** False when the body is over its limit; what came is dropped. */
  add(piece: Uint8Array): boolean {
    const end = this.#bytes + piece.length
    if (end > this.#limitBytes) {
      this.clear()
      return false
    }
    if (this.#bytes === 0) {
      this.#buffer = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
      this.#isOwn = false
    } else this.#append(piece, end)
    this.#bytes = end
    return true
  }

  /** All that the header announced is here; false where it announced nothing. */
  get isWhole(): boolean {
    return this.#expectedBytes > 0 && this.#bytes >= this.#expectedBytes
  }

  take(): Buffer {
    return this.#buffer?.subarray(0, this.#bytes) ?? Buffer.alloc(0)
  }

  /** Lets what came be forgotten. */
  clear(): void {
    this.#buffer = undefined
  }

  #append(piece: Uint8Array, end: number): void {
    const before = this.#buffer as Buffer
    if (this.#isOwn && end <= before.length) {
      before.set(piece, this.#bytes)
      return
    }
    const size = Math.max(end, FIRST_BYTES, 2 * before.length, this.#expectedBytes)
    const larger = Buffer.allocUnsafe(Math.min(size, this.#limitBytes))
    larger.set(before.subarray(0, this.#bytes))
    larger.set(piece, this.#bytes)
    this.#buffer = larger
    this.#isOwn = true
  }
}
