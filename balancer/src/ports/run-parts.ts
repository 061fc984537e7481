/** Adds up runs by function and status; pure, for every store and for what is in memory alone. */
import type { RunStatus } from '@berth/protocol'
import type { RunParts } from './run-reads.ts'

type Part = RunParts['parts'][number]

/** What is known of one run. */
export interface PartOf {
  readonly group: string
  readonly function: string
  readonly status: RunStatus
  readonly atMs: number
}

const NOTHING: RunParts = { parts: [], oldestMs: null, newestMs: null }

/** `known` is what was added up elsewhere; the parts that are most come first. */
export function joinParts(runs: readonly PartOf[], known: RunParts = NOTHING): RunParts {
  const sums = new Map<string, Part>()
  const add = (part: Part) => {
    const key = JSON.stringify([part.group, part.function, part.status])
    sums.set(key, { ...part, count: part.count + (sums.get(key)?.count ?? 0) })
  }
  for (const part of known.parts) add(part)
  for (const run of runs) add({ group: run.group, function: run.function, status: run.status, count: 1 })
  let { oldestMs, newestMs } = known
  for (const { atMs } of runs) {
    oldestMs = Math.min(oldestMs ?? atMs, atMs)
    newestMs = Math.max(newestMs ?? atMs, atMs)
  }
  return { parts: [...sums.values()].sort((a, b) => b.count - a.count), oldestMs, newestMs }
}
