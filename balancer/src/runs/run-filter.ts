/** Which runs a list means. Pure; used for tasks in memory, where every one is looked at. */
import type { RunFilter } from '../ports/runs.ts'
import { shownId } from '../ports/worker-key.ts'
import { createdMs, type EndFacts, type RunFacts } from './run-facts.ts'

export type ListedFacts = RunFacts & Partial<EndFacts>

/** What a filter looks at, beside the id. */
export type Filtered = Omit<ListedFacts, 'id'>

/** The question to ask of each run; all that the filter gives must hold. */
export function toMatcher(filter: RunFilter): (id: string, run: Filtered) => boolean {
  const { status, group, function: name, worker, session, schedule, q, fromMs, toMs } = filter
  // A task in memory belongs to no session and to no schedule.
  if (session !== undefined || schedule !== undefined) return () => false
  const words = q?.toLowerCase()
  return (id, run) =>
    (status === undefined || status.includes(run.status)) &&
    (group === undefined || run.group === group) &&
    (name === undefined || run.function === name) &&
    (worker === undefined || (run.worker !== undefined && shownId(run.worker) === worker)) &&
    (fromMs === undefined || createdMs(id, run) >= fromMs) &&
    (toMs === undefined || createdMs(id, run) <= toMs) &&
    (words === undefined || mentions(id, run, words))
}

function mentions(id: string, { function: name, error, metadata }: Filtered, words: string): boolean {
  const isIn = (text: string) => text.toLowerCase().includes(words)
  // Ids have no capitals.
  if (id.includes(words) || isIn(name)) return true
  if (error && (isIn(error.code) || isIn(error.message))) return true
  if (!metadata) return false
  return Object.entries(metadata).some(([key, value]) => isIn(key) || isIn(value))
}
