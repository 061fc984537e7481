/**
 * Puts the pieces of an item together for its event: a link cuts items wherever a record ends. One a stream.
 * A chunk that is longer than a window becomes several; a line or progress of that length is left out.
 */
import { LIMITS } from '@berth/protocol'
import { PieceJoiner } from '@berth/runtime'
import type { StreamItem } from '../ports/stream.ts'

export class EventItems {
  readonly #joiner = new PieceJoiner(LIMITS.windowBytes / 2)

  /** What makes an event now, if anything does. */
  add(item: StreamItem): Uint8Array | undefined {
    return this.#joiner.add(item, item.kind === 'chunk')
  }
}
