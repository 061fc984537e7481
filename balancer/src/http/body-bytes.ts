/**
 * Gathers the body of one task call as it comes, within its limit. Used by the hot route and by the
 * routed one. A body that comes in one piece stays that piece; of several the large ones stay as they came and
 * small ones are copied together, since many tiny pieces cost far more memory than they hold.
 */
import { ByteBlocks, type Pieces } from '@berth/runtime'

/** What is still sent of a refused body is read and dropped up to this; then the connection is cut. */
export const DISCARD_BYTES = 64 * 1024 * 1024

/** Up to this a copy costs less than a few pieces more at everybody who comes after. */
const JOINED_BYTES = 128 * 1024

export class BodyBytes {
  readonly #limitBytes: number
  readonly #expectedBytes: number
  /** As long as it is the only one. */
  #first: Buffer | undefined
  #blocks: ByteBlocks | undefined
  #bytes = 0

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
    if (this.#bytes === 0) this.#first = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)
    else this.#append(piece)
    this.#bytes = end
    return true
  }

  /** All that the header announced is here; false where it announced nothing. */
  get isWhole(): boolean {
    return this.#expectedBytes > 0 && this.#bytes >= this.#expectedBytes
  }

  /** In one. */
  take(): Buffer {
    return this.#blocks?.whole() ?? this.#first ?? Buffer.alloc(0)
  }

  /** A large one as it came, for whoever only passes it on. */
  takePieces(): Pieces {
    return this.#bytes > JOINED_BYTES && this.#blocks ? this.#blocks.take() : this.take()
  }

  /** Lets what came be forgotten. */
  clear(): void {
    this.#first = undefined
    this.#blocks = undefined
  }

  #append(piece: Uint8Array): void {
    const blocks = this.#blocks ?? new ByteBlocks()
    this.#blocks = blocks
    if (this.#first) blocks.add(this.#first)
    this.#first = undefined
    blocks.add(piece)
  }
}
