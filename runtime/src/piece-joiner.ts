/**
 * Puts pieces together to the items that they were cut from, wherever the cuts are. One a stream of pieces.
 * What is too long becomes several items, none of which ends within a character, when its kind may be split; else it
 * is left out.
 * Invariant: at most the longest item and a piece are kept, and the bytes of what may be split arrive all and in order.
 */
export interface Piece {
  readonly bytes: Uint8Array
  /** The piece is the last of its item. */
  readonly isLast: boolean
  /** Pieces of another source belong to another item: what the source before did not end is none. */
  readonly source: object
}

export class PieceJoiner {
  readonly #longestBytes: number
  #held: Uint8Array[] = []
  #heldBytes = 0
  #isTooLong = false
  #source: object | undefined

  constructor(longestBytes: number) {
    this.#longestBytes = longestBytes
  }

  /** The item that is whole now, if one is; it may share memory with the piece. */
  add({ bytes, isLast, source }: Piece, maySplit: boolean): Uint8Array | undefined {
    if (source !== this.#source) this.#begin(source)
    if (isLast && this.#held.length === 0 && !this.#isTooLong) return bytes
    // Copied: a view would keep its frame.
    this.#held.push(new Uint8Array(bytes))
    this.#heldBytes += bytes.length
    if (isLast) return this.#takeLast()
    if (this.#heldBytes < this.#longestBytes) return undefined
    const whole = this.#take()
    if (maySplit) return this.#cutBetweenCharacters(whole)
    this.#isTooLong = true
    return undefined
  }

  #begin(source: object): void {
    this.#source = source
    this.#held = []
    this.#heldBytes = 0
    this.#isTooLong = false
  }

  #takeLast(): Uint8Array | undefined {
    const whole = this.#take()
    const isTooLong = this.#isTooLong
    this.#isTooLong = false
    return isTooLong ? undefined : whole
  }

  #take(): Uint8Array {
    this.#heldBytes = 0
    return Buffer.concat(this.#held.splice(0))
  }

  #cutBetweenCharacters(bytes: Uint8Array): Uint8Array {
    const end = endOfCharacters(bytes)
    this.#held = [bytes.subarray(end)]
    this.#heldBytes = bytes.length - end
    return bytes.subarray(0, end)
  }
}

/** Where the last whole character of UTF-8 ends; the length when the end is no beginning of one. */
function endOfCharacters(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back] as number
    if (byte < 0x80) break
    if (byte < 0xc0) continue
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return length > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}
