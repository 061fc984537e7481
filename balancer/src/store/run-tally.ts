/**
 * How many runs of each status there are in each bucket of time, the newest so many of a filter. On the store's
 * reading thread, asked by run-lists.ts. Slices are pairs of function and status, whose runs stand in one index: from
 * one bucket that has any to the next, nothing is touched in between and no row is read.
 * Invariant: what is counted is the newest, whatever their status; nothing older is counted when something is left out.
 */
import type { RunStatus } from '@berth/protocol'
import type { RunTally } from '../ports/run-store.ts'
import type { Bounds } from './run-bounds.ts'
import { numberOrNull, statusOf } from './run-codec.ts'
import type { Statements } from './statements.ts'
import type { Value } from './write-packing.ts'

export interface Slice {
  readonly table: 'runs_live' | 'runs_done'
  readonly where: string
  readonly values: readonly Value[]
  /** Its number in `functions`. */
  readonly function: number
  readonly status: RunStatus
}

type Cell = RunTally['cells'][number]

/** `buckets`: the oldest first. */
export function tallySlices(
  statements: Statements,
  slices: readonly Slice[],
  buckets: readonly Bounds[],
  atMost: number,
): RunTally {
  const low = buckets[0]?.low ?? 0
  const walks = slices.map((slice) => new Walk(statements, slice, low, buckets.at(-1)?.high ?? -1))
  const cells: Cell[] = []
  let left = atMost
  for (let bucket = buckets.length - 1; bucket >= 0; bucket--) {
    const bounds = buckets[bucket] as Bounds
    const here = walks.filter((walk) => walk.newest >= bounds.low)
    const sum = countAll(here, bounds.low, left + 1)
    const floor = sum > left ? findFloor(here, bounds, left) : bounds.low
    for (const walk of here) {
      const count = walk.count(floor, left + 1)
      if (count > 0) cells.push({ bucket, status: walk.slice.status, count })
    }
    if (sum > left) return { cells: joinCells(cells), cappedMs: acceptedAt(statements, floor) }
    left -= sum
    for (const walk of here) walk.goBelow(bounds.low)
  }
  return { cells: joinCells(cells), cappedMs: null }
}

/** Of runs that were found one by one, the newest first; `atMost` of them may be all that were looked for. */
export function tallyListed(
  statements: Statements,
  seqs: readonly number[],
  buckets: readonly Bounds[],
  atMost: number,
): RunTally {
  const given = JSON.stringify(seqs)
  const sql = `SELECT seq, status FROM runs_live WHERE seq IN (SELECT value FROM json_each(?1))
    UNION ALL SELECT seq, status FROM runs_done WHERE seq IN (SELECT value FROM json_each(?1))`
  const cells: Cell[] = []
  for (const row of statements.of(sql).all(given)) {
    const seq = Number(row.seq)
    const bucket = buckets.findIndex(({ low, high }) => seq >= low && seq <= high)
    if (bucket >= 0) cells.push({ bucket, status: statusOf(row.status), count: 1 })
  }
  const oldest = seqs.at(-1)
  const isCapped = seqs.length >= atMost && oldest !== undefined
  return { cells: joinCells(cells), cappedMs: isCapped ? acceptedAt(statements, oldest) : null }
}

/** Goes down the index of one slice, from bucket to bucket. */
class Walk {
  readonly slice: Slice
  /** The newest that was not counted yet, -1 for none. */
  newest: number
  readonly #statements: Statements
  readonly #low: number

  constructor(statements: Statements, slice: Slice, low: number, high: number) {
    this.#statements = statements
    this.slice = slice
    this.#low = low
    this.newest = this.#find(high)
  }

  /** From `low` to the newest, at most so many. */
  count(low: number, atMost: number): number {
    const { table, where, values } = this.slice
    const walk = `SELECT 1 FROM ${table} r WHERE ${where} AND r.seq >= ? AND r.seq <= ? LIMIT ?`
    const statement = this.#statements.of(`SELECT count(*) AS n FROM (${walk})`)
    return Number(statement.get(...values, low, this.newest, atMost)?.n)
  }

  goBelow(seq: number): void {
    this.newest = this.#find(seq - 1)
  }

  #find(high: number): number {
    const { table, where, values } = this.slice
    const sql = `SELECT max(r.seq) AS seq FROM ${table} r WHERE ${where} AND r.seq >= ? AND r.seq <= ?`
    return numberOrNull(this.#statements.of(sql).get(...values, this.#low, high)?.seq) ?? -1
  }
}

function countAll(walks: readonly Walk[], low: number, atMost: number): number {
  let sum = 0
  for (const walk of walks) {
    sum += walk.count(low, atMost - sum)
    if (sum >= atMost) break
  }
  return sum
}

/** The lowest seq from which on no more than `atMost` are counted. */
function findFloor(walks: readonly Walk[], { low, high }: Bounds, atMost: number): number {
  const newest = Math.max(...walks.map((walk) => walk.newest))
  let [tooLow, floor] = [low, Math.min(high, newest) + 1]
  while (floor - tooLow > 1) {
    const middle = tooLow + Math.floor((floor - tooLow) / 2)
    if (countAll(walks, middle, atMost + 1) > atMost) tooLow = middle
    else floor = middle
  }
  return floor
}

function joinCells(cells: readonly Cell[]): Cell[] {
  const joined = new Map<string, Cell>()
  for (const cell of cells) {
    const key = `${cell.bucket} ${cell.status}`
    joined.set(key, { ...cell, count: cell.count + (joined.get(key)?.count ?? 0) })
  }
  return [...joined.values()]
}

/** When the oldest from `seq` on was accepted; 0 when there is none. */
export function acceptedAt(statements: Statements, seq: number): number {
  const times = ['runs_live', 'runs_done'].map((table) => {
    const sql = `SELECT accepted_ms FROM ${table} WHERE seq >= ? ORDER BY seq LIMIT 1`
    return numberOrNull(statements.of(sql).get(seq)?.accepted_ms) ?? Number.POSITIVE_INFINITY
  })
  const oldest = Math.min(...times)
  return Number.isFinite(oldest) ? oldest : 0
}
