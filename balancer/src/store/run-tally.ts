/**
 * How many runs of each status there are in each bucket of time, the newest so many of a filter. On the store's
 * reading thread, asked by run-lists.ts. Slices are pairs of function and status, whose runs stand in one index: no row
 * is read, and what is read is put into its bucket here, for there may be hundreds of slices and buckets.
 * Invariant: what is counted is the newest, whatever their status; nothing older is counted when something is left out.
 */
import type { RunStatus } from '@berth/protocol'
import type { RunTally } from '../ports/run-reads.ts'
import type { Bounds } from './run-bounds.ts'
import { numberOrNull, statusOf, text } from './run-codec.ts'
import { highest } from './run-probes.ts'
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

/**
 * `buckets`: the oldest first. Goes down from the newest in steps that are as long as what is left, by how dense it was
 * in the last one, so that each run is read about once however many slices there are.
 */
export function tallySlices(
  statements: Statements,
  slices: readonly Slice[],
  buckets: readonly Bounds[],
  atMost: number,
): RunTally {
  const low = buckets[0]?.low ?? 0
  const walks = slices.map((slice) => new Walk(statements, slice))
  const sums = new Sums(buckets)
  let high = newestOf(statements, buckets.at(-1)?.high ?? -1)
  let left = atMost
  // No two runs share a seq.
  let span = Math.max(1, left)
  while (high >= low) {
    const next = Math.max(low, high - span + 1)
    const found = gather(walks, next, high, left)
    if (found === undefined) {
      span = Math.ceil(span / 2)
      continue
    }
    const count = found.reduce((sum, seqs) => sum + seqs.length, 0)
    if (count > left) {
      const floor = left === 0 ? high + 1 : (highest(found.flat(), left).at(-1) as number)
      for (const [at, { slice }] of walks.entries()) sums.add(slice.status, found[at] ?? [], floor)
      return { cells: sums.cells, cappedMs: acceptedAt(statements, floor) }
    }
    for (const [at, { slice }] of walks.entries()) sums.add(slice.status, found[at] ?? [], next)
    left -= count
    high = next - 1
    if (count === 0 || left === 0) span *= 4
    else span = Math.max(left, Math.ceil((left * span * AMPLE) / count))
  }
  return { cells: sums.cells, cappedMs: null }
}

/** Of runs that were found one by one, the newest first; `atMost` of them may be all that were looked for. */
export function tallyListed(
  statements: Statements,
  seqs: readonly number[],
  buckets: readonly Bounds[],
  atMost: number,
): RunTally {
  const sums = new Sums(buckets)
  const count = (table: Slice['table'], wanted: readonly number[]): Set<number> => {
    const sql = `SELECT seq, status FROM ${table} WHERE seq IN (SELECT value FROM json_each(?))`
    const rows = statements.of(sql).all(JSON.stringify(wanted))
    const byStatus = Map.groupBy(rows, ({ status }) => status)
    for (const [status, of] of byStatus)
      sums.add(statusOf(status), of.map(({ seq }) => Number(seq)).reverse(), 0)
    return new Set(rows.map(({ seq }) => Number(seq)))
  }
  const done = count('runs_done', seqs)
  if (done.size < seqs.length)
    count(
      'runs_live',
      seqs.filter((seq) => !done.has(seq)),
    )
  const oldest = seqs.at(-1)
  const isCapped = seqs.length >= atMost && oldest !== undefined
  return { cells: sums.cells, cappedMs: isCapped ? acceptedAt(statements, oldest) : null }
}

/** By how much a step is longer than its density says, so that the last one brings all that is left. */
const AMPLE = 1.1

/** Goes down the index of one slice. */
class Walk {
  readonly slice: Slice
  readonly #statements: Statements
  readonly #sql: string

  constructor(statements: Statements, slice: Slice) {
    this.#statements = statements
    this.slice = slice
    this.#sql = `SELECT json_group_array(seq) AS seqs FROM (SELECT r.seq FROM ${slice.table} r
      WHERE ${slice.where} AND r.seq >= ? AND r.seq <= ? ORDER BY r.seq DESC LIMIT ?)`
  }

  /** The newest so many between the two, in falling order. */
  find(low: number, high: number, limit: number): number[] {
    const row = this.#statements.of(this.#sql).get(...this.slice.values, low, high, limit)
    return JSON.parse(text(row?.seqs))
  }
}

/** What each walk has between the two, more than `left` of it or all; undefined when that is far too much. */
function gather(
  walks: readonly Walk[],
  low: number,
  high: number,
  left: number,
): readonly number[][] | undefined {
  const found: number[][] = []
  let count = 0
  for (const walk of walks) {
    const seqs = walk.find(low, high, left + 1)
    found.push(seqs)
    count += seqs.length
    if (count > 2 * left + SLACK && high > low) return undefined
  }
  return found
}

const SLACK = 1_000

/** Counts by status and bucket. */
class Sums {
  readonly #buckets: readonly Bounds[]
  readonly #counts = new Map<RunStatus, number[]>()

  constructor(buckets: readonly Bounds[]) {
    this.#buckets = buckets
  }

  /** `seqs` in falling order, as far down as `floor`. */
  add(status: RunStatus, seqs: readonly number[], floor: number): void {
    if (seqs.length === 0) return
    const counts = this.#counts.get(status) ?? new Array<number>(this.#buckets.length).fill(0)
    this.#counts.set(status, counts)
    let bucket = this.#buckets.length - 1
    for (const seq of seqs) {
      if (seq < floor) return
      while (bucket >= 0 && seq < (this.#buckets[bucket]?.low ?? 0)) bucket -= 1
      if (bucket < 0) return
      if (seq <= (this.#buckets[bucket]?.high ?? -1)) counts[bucket] = (counts[bucket] ?? 0) + 1
    }
  }

  get cells(): Cell[] {
    return [...this.#counts].flatMap(([status, counts]) =>
      counts.flatMap((count, bucket) => (count === 0 ? [] : [{ bucket, status, count }])),
    )
  }
}

/** The highest seq of any run up to `high`, or -1. */
function newestOf(statements: Statements, high: number): number {
  const seqs = ['runs_live', 'runs_done'].map((table) => {
    const sql = `SELECT max(seq) AS seq FROM ${table} WHERE seq <= ?`
    return numberOrNull(statements.of(sql).get(high)?.seq) ?? -1
  })
  return Math.max(...seqs)
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
