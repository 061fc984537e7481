/**
 * A result that arrives in pieces, copied together as it comes: a piece is a view on its frame, and
 * many small ones would keep many large frames alive. Owned by a link, one a task. Bounded by
 * `RESULT_LIMIT`: what is over it is dropped as it comes, and the task fails at its END.
 */
const FIRST_BYTES = 128 * 1024

export class PartialResult {
  readonly #limitBytes: number
  #buffer = Buffer.alloc(0)
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  add(piece: Uint8Array): void {
    const end = this.#bytes + piece.length
    if (end <= this.#limitBytes) {
      this.#reserve(end)
      this.#buffer.set(piece, this.#bytes)
    } else this.#buffer = Buffer.alloc(0)
    this.#bytes = end
  }

  /** The whole result; undefined when it is over the limit. */
  take(): Uint8Array | undefined {
    return this.#bytes > this.#limitBytes ? undefined : this.#buffer.subarray(0, this.#bytes)
  }

  #reserve(bytes: number): void {
    if (bytes <= this.#buffer.length) return
    const size = Math.min(this.#limitBytes, Math.max(bytes, FIRST_BYTES, 2 * this.#buffer.length))
    const larger = Buffer.allocUnsafe(size)
    larger.set(this.#buffer.subarray(0, this.#bytes))
    this.#buffer = larger
  }
}
