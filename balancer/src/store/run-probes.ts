/**
 * Walks down the indexes of runs, from the newest. Used by run-lists.ts and those that make probes for it, on the
 * store's reading thread.
 * Invariant: what a walk finds is the highest, in falling order, and none twice.
 */
import type { Bounds } from './run-bounds.ts'
import { text } from './run-codec.ts'
import type { Statements } from './statements.ts'
import type { Value } from './write-packing.ts'

export type Table = 'runs_live' | 'runs_done'

/** One walk down an index: the conditions of a select of one table; `walked` is what is walked down. */
export interface Probe {
  readonly table: Table
  readonly from: string
  readonly walked: 'r.seq' | 'w.rowid'
  readonly where: readonly string[]
  readonly values: readonly Value[]
  readonly bounds: Bounds
}

/** What a condition is held against that is given as JSON. */
export const GIVEN = '(SELECT value FROM json_each(?))'

/** The highest `limit` of all that the probes find; later ones walk no further down than is of use. */
export function walkProbes(statements: Statements, probes: readonly Probe[], limit: number): number[] {
  let best: number[] = []
  let floor = 0
  for (const probe of probes) {
    const low = Math.max(probe.bounds.low, floor)
    if (low > probe.bounds.high) continue
    // As one text: thousands of rows would each become an object.
    const row = statements.of(walkOf(probe)).get(...probe.values, low, probe.bounds.high, limit)
    const found: number[] = JSON.parse(text(row?.seqs))
    best = best.length === 0 ? found : highest([...best, ...found], limit)
    if (best.length === limit) floor = best.at(-1) ?? 0
  }
  return best
}

/** How many the probes find, at most so many. */
export function countProbes(statements: Statements, probes: readonly Probe[], atMost: number): number {
  let count = 0
  for (const probe of probes) {
    if (count >= atMost) return atMost
    const { low, high } = probe.bounds
    const walk = `SELECT 1 FROM ${probe.from} WHERE ${conditionsOf(probe)} LIMIT ?`
    const statement = statements.of(`SELECT count(*) AS n FROM (${walk})`)
    count += Number(statement.get(...probe.values, low, high, atMost - count)?.n)
  }
  return count
}

/** With the places of the bounds behind its own values. */
export function conditionsOf({ where, walked }: Probe): string {
  return [...where, `${walked} >= ?`, `${walked} <= ?`].join(' AND ')
}

export function walkOf(probe: Probe): string {
  const { from, walked } = probe
  return `SELECT json_group_array(seq) AS seqs FROM (
    SELECT ${walked} AS seq FROM ${from} WHERE ${conditionsOf(probe)} ORDER BY ${walked} DESC LIMIT ?)`
}

/** In falling order, none twice. */
export function highest(seqs: readonly number[], limit: number): number[] {
  const rising = Float64Array.from(seqs).sort()
  const found: number[] = []
  for (let at = rising.length - 1; at >= 0 && found.length < limit; at--) {
    const seq = rising[at] as number
    if (seq !== found.at(-1)) found.push(seq)
  }
  return found
}
