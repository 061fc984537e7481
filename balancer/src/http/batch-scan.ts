/**
 * Finds the bodies in the bytes of a batch, a JSON array or NDJSON, without parsing or copying any of them: each
 * comes out as the range of its bytes, which goes on to the worker as it came. Called by batch-call.ts.
 * Invariants: it comes back after a millisecond of bytes at most, with a body or a pause, so that whoever asks
 * can let others have their turn; what stands within a range is somebody else's to judge.
 */
export interface Range {
  readonly start: number
  /** Behind the last byte. */
  readonly end: number
}

/** `pause` comes after a stretch of bytes without a body; `wrong` is the last that comes. */
export type Scanned =
  | { readonly kind: 'body'; readonly range: Range }
  | { readonly kind: 'pause' }
  | { readonly kind: 'wrong'; readonly detail: string }

/** About a millisecond. */
const STRETCH_BYTES = 256 * 1024

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_ARRAY = 0x5b
const BACKSLASH = 0x5c
const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const NEWLINE = 0x0a

const PAUSE: Scanned = { kind: 'pause' }

/** A text that begins with `[` is an array, every other one lines. */
export function* scanBatch(bytes: Uint8Array): Generator<Scanned, void> {
  let start = 0
  for (let to = 0; start === to && to < bytes.length; start = skipSpace(bytes, start, to)) {
    if (to > 0) yield PAUSE
    to = Math.min(to + STRETCH_BYTES, bytes.length)
  }
  yield* bytes[start] === OPEN_ARRAY ? scanArray(bytes, start + 1) : scanLines(bytes, start)
}

function* scanLines(bytes: Uint8Array, from: number): Generator<Scanned, void> {
  let pauseAt = from + STRETCH_BYTES
  for (let at = from; at < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, at)
    const end = newline < 0 ? bytes.length : newline
    if (skipSpace(bytes, at, end) < end) yield { kind: 'body', range: { start: at, end } }
    at = end + 1
    if (at < pauseAt) continue
    pauseAt = at + STRETCH_BYTES
    yield PAUSE
  }
}

function* scanArray(bytes: Uint8Array, from: number): Generator<Scanned, void> {
  const place: Place = { at: from, depth: 0, isInString: false }
  let start = from
  while (place.at < bytes.length) {
    const found = findSeparator(bytes, place)
    if (!found) {
      yield PAUSE
      continue
    }
    const end = place.at++
    const isLast = bytes[end] === CLOSE_ARRAY
    if (skipSpace(bytes, start, end) < end) yield { kind: 'body', range: { start, end } }
    else if (!isLast || start !== from) return yield wrong(`there is nothing before byte ${end}`)
    if (isLast) return yield* endArray(bytes, end + 1)
    start = end + 1
  }
  yield wrong('it ends before its closing bracket')
}

interface Place {
  at: number
  /** Objects and arrays that are open. */
  depth: number
  isInString: boolean
}

/** Goes on to the next comma or bracket of the outer array; false at the end of a stretch, or of all. */
function findSeparator(bytes: Uint8Array, place: Place): boolean {
  const until = Math.min(place.at + STRETCH_BYTES, bytes.length)
  let { at, depth, isInString } = place
  let isFound = false
  for (; at < until; at++) {
    const byte = bytes[at]
    if (isInString) {
      if (byte === BACKSLASH) at++
      else if (byte === QUOTE) isInString = false
    } else if (byte === QUOTE) isInString = true
    else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
    else if (depth > 0) {
      if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) depth--
    } else if (byte === COMMA || byte === CLOSE_ARRAY) {
      isFound = true
      break
    }
  }
  place.at = at
  place.depth = depth
  place.isInString = isInString
  return isFound
}

function* endArray(bytes: Uint8Array, from: number): Generator<Scanned, void> {
  const rest = skipSpace(bytes, from, bytes.length)
  if (rest < bytes.length) yield wrong(`something stands behind its closing bracket, at byte ${rest}`)
}

function wrong(what: string): Scanned {
  return { kind: 'wrong', detail: `The batch is no whole JSON array: ${what}.` }
}

/** The place of the first byte that is no whitespace of JSON's, at most `to`. */
export function skipSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && isSpace(bytes[at])) at++
  return at
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09
}
