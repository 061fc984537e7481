/** Adds up what of the runs is on disk and what is in memory alone. Pure; used by all-runs.ts and memory-runs.ts. */
import type { RunStatus } from '@berth/protocol'
import type { RunTally } from '../ports/run-reads.ts'

/** One task in memory. */
export interface OwnTally {
  readonly atMs: number
  readonly bucket: number
  readonly status: RunStatus
}

const NOTHING: RunTally = { cells: [], cappedMs: null }

/** What is older than the oldest that was counted on disk is left out of memory as well. */
export function joinTallies(own: readonly OwnTally[], stored: RunTally = NOTHING): RunTally {
  const counts = new Map<string, RunTally['cells'][number]>()
  const add = (bucket: number, status: RunStatus, count: number) => {
    const key = `${bucket} ${status}`
    counts.set(key, { bucket, status, count: count + (counts.get(key)?.count ?? 0) })
  }
  for (const { bucket, status, count } of stored.cells) add(bucket, status, count)
  for (const { atMs, bucket, status } of own)
    if (stored.cappedMs === null || atMs >= stored.cappedMs) add(bucket, status, 1)
  return { cells: [...counts.values()], cappedMs: stored.cappedMs }
}
