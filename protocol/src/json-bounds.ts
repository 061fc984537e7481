/**
 * What a JSON text may hold beside its size: how deep it nests, how many different member names and how many
 * objects, arrays and texts it has. Told from the bytes by whoever parses what a caller sent, before it is parsed:
 * every name that is new costs V8 a microsecond, so that 10 MB of them hold a process for a second.
 * Invariant: what is within the bounds is never refused. A little more may pass, since names are told apart by
 * a hash; the text itself is not judged, that is the parser's.
 */
import { LIMITS } from './limits.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
/** Texts are mostly shorter than this. */
const NEAR_BYTES = 64

/** Shorter texts cannot have too many names: each takes four bytes, `"":0`, and something between. */
const WIDE_BYTES = 5 * LIMITS.jsonNames

/** What is wrong, as the end of a sentence ("The body …"), or undefined. Reads UTF-8, whole or broken. */
export function findJsonExcess(bytes: Uint8Array): string | undefined {
  // Each level has a byte that opens it.
  if (bytes.length <= LIMITS.jsonDepth) return undefined
  const names = bytes.length > WIDE_BYTES ? new NameCount() : undefined
  let depth = 0
  let parts = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number
    // Digits, commas and colons, which are most of what stands outside of texts.
    if (byte > QUOTE && byte < 0x5b) continue
    if (byte === QUOTE) {
      const end = endOfText(bytes, at + 1)
      if (names === undefined || !isName(bytes, end)) parts++
      else if (names.add(bytes, at + 1, end) > LIMITS.jsonNames)
        return `has over ${LIMITS.jsonNames} different member names; send such data as a list, or as bytes`
      at = end
    } else if (byte === 0x5b || byte === 0x7b) {
      parts++
      if (++depth > LIMITS.jsonDepth) return `is nested over ${LIMITS.jsonDepth} levels`
    } else if (byte === 0x5d || byte === 0x7d) depth--
    if (parts > LIMITS.jsonParts)
      return `has over ${LIMITS.jsonParts} objects, arrays and texts; send it in parts, or as bytes`
  }
  return undefined
}

/** The place of the quote that ends the text which begins at `from`. */
function endOfText(bytes: Uint8Array, from: number): number {
  let at = from
  for (const near = Math.min(from + NEAR_BYTES, bytes.length); at < near; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) at++
  }
  return endOfLongText(bytes, from, at)
}

/** The same by the engine's own search, which is quicker by far where there is something to pass over. */
function endOfLongText(bytes: Uint8Array, from: number, start: number): number {
  for (let at = bytes.indexOf(QUOTE, start); at >= 0; at = bytes.indexOf(QUOTE, at + 1)) {
    let before = at
    while (before > from && bytes[before - 1] === BACKSLASH) before--
    if ((at - before) % 2 === 0) return at
  }
  return bytes.length
}

/** Whether a colon follows the text that ends at `end`. */
function isName(bytes: Uint8Array, end: number): boolean {
  let at = end + 1
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++
  return bytes[at] === COLON
}

/** Unknown to callers, so that nobody can write names that count as one. */
const SEED = Math.floor(Math.random() * 2 ** 32)
const HASH_BITS = 20

/** Counts different names by one bit each of a table; two in a hundred of those allowed share theirs. */
class NameCount {
  readonly #seen = new Uint32Array(2 ** HASH_BITS / 32)
  #count = 0

  /** How many there are, with this one. */
  add(bytes: Uint8Array, from: number, to: number): number {
    let hash = SEED
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193)
    const bit = Math.imul(hash, 0x9e3779b1) >>> (32 - HASH_BITS)
    const word = this.#seen[bit >>> 5] ?? 0
    const mask = 1 << (bit & 31)
    if ((word & mask) === 0) {
      this.#seen[bit >>> 5] = word | mask
      this.#count++
    }
    return this.#count
  }
}
