/**
 * Where in the order of runs a list begins and ends: instants and ids become bounds of `seq`, for ids sort as seq
 * does and bear the instant of acceptance. On the store's reading thread.
 */
import type { RunFilter } from '../ports/run-filter.ts'
import { numberOrNull } from './run-codec.ts'
import type { Statements } from './statements.ts'

/** Both included. */
export interface Bounds {
  readonly low: number
  readonly high: number
}

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const TIME_CHARACTERS = 10
/** Sorts behind every character of an id. */
const BEHIND = '~'

/** Undefined when nothing can be meant. */
export function boundsOf(
  statements: Statements,
  { fromMs, toMs }: RunFilter,
  before: string | null,
): Bounds | undefined {
  const low = fromMs === undefined ? 0 : lowestFrom(statements, idAt(Math.ceil(fromMs)))
  const highs = [
    toMs === undefined ? undefined : highestBelow(statements, idAt(Math.floor(toMs) + 1)),
    before === null ? undefined : highestBelow(statements, before),
  ]
  const high = Math.min(...highs.map((seq) => seq ?? Number.MAX_SAFE_INTEGER))
  return low <= high ? { low, high } : undefined
}

/** Those whose ids begin so. */
export function boundsOfPrefix(statements: Statements, prefix: string): Bounds | undefined {
  const low = lowestFrom(statements, prefix)
  const high = highestBelow(statements, prefix + BEHIND)
  return low <= high ? { low, high } : undefined
}

/** The bounds of what was accepted between one edge and the next (not included), within `bounds`; the oldest first. */
export function bucketsOf(statements: Statements, edgesMs: readonly number[], bounds: Bounds): Bounds[] {
  const seqs = edgesMs.map((ms) => lowestFrom(statements, idAt(Math.ceil(ms))))
  return seqs.slice(1).map((next, at) => ({
    low: Math.max(seqs[at] ?? 0, bounds.low),
    high: Math.min(next - 1, bounds.high),
  }))
}

export function overlap(a: Bounds, b: Bounds): Bounds | undefined {
  const low = Math.max(a.low, b.low)
  const high = Math.min(a.high, b.high)
  return low <= high ? { low, high } : undefined
}

/** The least id of that millisecond. */
function idAt(ms: number): string {
  if (ms < 0) return 'r_'
  let text = ''
  for (let rest = ms; text.length < TIME_CHARACTERS; rest = Math.floor(rest / 32))
    text = `${ALPHABET[rest % 32]}${text}`
  return ms >= 32 ** TIME_CHARACTERS ? `r_${BEHIND}` : `r_${text}`
}

function lowestFrom(statements: Statements, id: string): number {
  const row = statements.of('SELECT seq FROM run_ids WHERE id >= ? ORDER BY id LIMIT 1').get(id)
  return numberOrNull(row?.seq) ?? Number.MAX_SAFE_INTEGER
}

function highestBelow(statements: Statements, id: string): number {
  const row = statements.of('SELECT seq FROM run_ids WHERE id < ? ORDER BY id DESC LIMIT 1').get(id)
  return numberOrNull(row?.seq) ?? -1
}
