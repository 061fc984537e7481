/**
 * Puts the pieces of an item together for its event: a link cuts items wherever a record ends. One a stream.
 * A chunk that is longer than a window becomes several, none of which ends within a character; a line or
 * progress of that length is left out.
 * Invariant: at most one window and a piece are kept, and the bytes of chunks arrive all and in order.
 */
import { LIMITS } from '@berth/protocol'
import type { StreamItem, StreamSource } from '../ports/stream.ts'

const LONGEST_BYTES = LIMITS.windowBytes / 2

export class EventItems {
  #held: Uint8Array[] = []
  #heldBytes = 0
  #isTooLong = false
  #source: StreamSource | undefined

  /** What makes an event now, if anything does. */
  add({ kind, bytes, isLast, source }: StreamItem): Uint8Array | undefined {
    if (source !== this.#source) this.#begin(source)
    if (isLast && this.#held.length === 0 && !this.#isTooLong) return bytes
    // Copied: a view would keep its frame.
    this.#held.push(new Uint8Array(bytes))
    this.#heldBytes += bytes.length
    if (isLast) return this.#takeLast()
    if (this.#heldBytes < LONGEST_BYTES) return undefined
    const whole = this.#take()
    if (kind === 'chunk') return this.#cutBetweenCharacters(whole)
    this.#isTooLong = true
    return undefined
  }

  /** Another attempt: what the one before did not end is no item. */
  #begin(source: StreamSource): void {
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
