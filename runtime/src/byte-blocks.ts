/**
 * Bytes that come in pieces and leave as few: large pieces are kept as they are, small ones are copied together,
 * since a list of thousands takes far more memory than they hold. Used for bodies, results and what waits for a
 * slow reader; the owner bounds how much comes.
 * Invariant: the bytes come out whole and in order, and a piece that was handed over is never written to.
 */
/** Bytes in one piece, or in several that belong together. */
export type Pieces = Uint8Array | readonly Uint8Array[]

/** In one: the piece itself where there is only one. */
export function wholeOf(pieces: Pieces): Uint8Array {
  if (pieces instanceof Uint8Array) return pieces
  const [first] = pieces
  return first === undefined || pieces.length > 1 ? Buffer.concat(pieces) : first
}

const LARGE_BYTES = 16 * 1024
const FIRST_BLOCK_BYTES = 1024
const LAST_BLOCK_BYTES = 64 * 1024

export class ByteBlocks {
  #blocks: Uint8Array[] = []
  #bytes = 0
  /** Of our own, at the end of the list, and how much of it is used. */
  #open: Buffer | undefined
  #usedBytes = 0
  #nextBlockBytes = FIRST_BLOCK_BYTES

  get length(): number {
    return this.#bytes
  }

  add(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.#bytes += piece.length
    if (piece.length >= LARGE_BYTES) {
      this.#seal()
      this.#blocks.push(piece)
      this.#nextBlockBytes = FIRST_BLOCK_BYTES
    } else this.#copy(piece)
  }

  /** All that came, as a list; begins anew. */
  take(): Uint8Array[] {
    this.#seal()
    this.#bytes = 0
    return this.#blocks.splice(0)
  }

  /** All that came, in one: the piece itself when there was only one, large. */
  whole(): Buffer {
    const bytes = this.#bytes
    const blocks = this.take()
    const [first] = blocks
    if (first === undefined || blocks.length > 1) return Buffer.concat(blocks, bytes)
    return Buffer.from(first.buffer, first.byteOffset, first.byteLength)
  }

  #copy(piece: Uint8Array): void {
    const block = this.#open
    if (block === undefined || this.#usedBytes + piece.length > block.length) {
      this.#seal()
      this.#open = Buffer.allocUnsafe(Math.max(this.#nextBlockBytes, piece.length))
      this.#nextBlockBytes = Math.min(4 * this.#nextBlockBytes, LAST_BLOCK_BYTES)
    }
    this.#open?.set(piece, this.#usedBytes)
    this.#usedBytes += piece.length
  }

  #seal(): void {
    if (this.#open) this.#blocks.push(this.#open.subarray(0, this.#usedBytes))
    this.#open = undefined
    this.#usedBytes = 0
  }
}
