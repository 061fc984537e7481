/**
 * A result that arrives in pieces. Owned by a link, one a task; put together at its END. Bounded by
 * `RESULT_LIMIT`: what is over it is dropped as it comes, and the task fails at its END.
 */
import { ByteBlocks, type Pieces } from '@berth/runtime'

export class PartialResult {
  readonly #limitBytes: number
  readonly #pieces = new ByteBlocks()
  #bytes = 0

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes
  }

  add(piece: Uint8Array): void {
    this.#bytes += piece.length
    if (this.#bytes <= this.#limitBytes) this.#pieces.add(piece)
    else this.#pieces.take()
  }

  /** The whole result; undefined when it is over the limit. */
  take(): Pieces | undefined {
    if (this.#bytes > this.#limitBytes) return undefined
    const pieces = this.#pieces.take()
    return pieces.length === 1 ? pieces[0] : pieces
  }
}
