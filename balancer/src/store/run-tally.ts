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
  const add = (bucket: number, counts: readonly number[], here: readonly Walk[]) => {
    for (const [at, { slice }] of here.entries())
      if (counts[at]) cells.push({ bucket, status: slice.status, count: counts[at] })
  }
  let left = atMost
  for (let bucket = buckets.length - 1; bucket >= 0; bucket--) {
    const bounds = buckets[bucket] as Bounds
    const here = walks.filter((walk) => walk.newest >= bounds.low)
    const counts = countEach(here, bounds.low, left)
    if (counts === undefined) {
      const floor = findFloor(here, bounds.low, left)
      add(bucket, countEach(here, floor, left) ?? [], here)
      return { cells: joinCells(cells), cappedMs: acceptedAt(statements, floor) }
    }
    add(bucket, counts, here)
    left -= counts.reduce((sum, count) => sum + count, 0)
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
  const cells: Cell[] = []
  const count = (table: Slice['table'], wanted: readonly number[]): Set<number> => {
    const sql = `SELECT seq, status FROM ${table} WHERE seq IN (SELECT value FROM json_each(?))`
    const there = new Set<number>()
    for (const row of statements.of(sql).all(JSON.stringify(wanted))) {
      const seq = Number(row.seq)
      there.add(seq)
      const bucket = buckets.findIndex(({ low, high }) => seq >= low && seq <= high)
      if (bucket >= 0) cells.push({ bucket, status: statusOf(row.status), count: 1 })
    }
    return there
  }
  const done = count('runs_done', seqs)
  if (done.size < seqs.length)
    count(
      'runs_live',
      seqs.filter((seq) => !done.has(seq)),
    )
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

  /** From `low` to `high`, or to the newest that was not counted yet; at most so many. */
  count(low: number, high: number, atMost: number): number {
    const { table, where, values } = this.slice
    const walk = `SELECT 1 FROM ${table} r WHERE ${where} AND r.seq >= ? AND r.seq <= ? LIMIT ?`
    const statement = this.#statements.of(`SELECT count(*) AS n FROM (${walk})`)
    return Number(statement.get(...values, low, Math.min(high, this.newest), atMost)?.n)
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

/** Of each walk, from `low` on; undefined when together they are more than `atMost`. */
function countEach(walks: readonly Walk[], low: number, atMost: number): number[] | undefined {
  const counts: number[] = []
  let left = atMost
  for (const walk of walks) {
    const count = walk.count(low, Number.MAX_SAFE_INTEGER, left + 1)
    if (count > left) return undefined
    counts.push(count)
    left -= count
  }
  return counts
}

/**
 * The seq from which on just `atMost` are counted, of more than those from `low` on. Goes down from the newest in
 * steps that are as long as what is left, by how dense it was in the last one: each run is counted about once.
 */
function findFloor(walks: readonly Walk[], low: number, atMost: number): number {
  let floor = Math.max(...walks.map((walk) => walk.newest)) + 1
  let left = atMost
  // No two runs share a seq.
  let span = left
  while (left > 0 && floor > low) {
    const next = Math.max(low, floor - span)
    const count = countBetween(walks, next, floor - 1, left + 1)
    if (count > left) {
      span = Math.max(1, span >> 1)
      continue
    }
    const stepped = floor - next
    floor = next
    left -= count
    span = Math.max(left, count === 0 ? stepped * 2 : Math.floor(((left * stepped) / count) * CAUTION))
  }
  return floor
}

/** How far a step goes of what its density says: one that is too long has counted for nothing. */
const CAUTION = 0.9

function countBetween(walks: readonly Walk[], low: number, high: number, atMost: number): number {
  let count = 0
  for (const walk of walks) {
    if (count >= atMost) break
    if (walk.newest >= low) count += walk.count(low, high, atMost - count)
  }
  return count
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
