/** Which runs a list means. Pure; used for tasks in memory, where every one is looked at. */
import { soughtWords, wordsOf } from '@berth/runtime'
import type { RunFilter } from '../ports/run-filter.ts'
import type { LiveRun } from '../ports/stored-run.ts'
import { shownId } from '../ports/worker-key.ts'
import { createdMs, type EndFacts, type RunFacts } from './run-facts.ts'

/** A durable one has the row that it has on disk as well. */
export type ListedFacts = RunFacts & Partial<EndFacts> & { readonly row?: LiveRun | undefined }

/** What a filter looks at, beside the id. */
export type Filtered = Omit<ListedFacts, 'id'>

/** The question to ask of each run; all that the filter gives must hold. */
export function toMatcher(filter: RunFilter): (id: string, run: Filtered) => boolean {
  const { status, group, function: name, worker, session, schedule, parent, error, q, fromMs, toMs } = filter
  const words = q === undefined || q.trim() === '' ? undefined : soughtWords(q)
  return (id, run) =>
    (status === undefined || status.includes(run.status)) &&
    (group === undefined || run.group === group) &&
    (name === undefined || run.function === name) &&
    (worker === undefined || (run.worker !== undefined && shownId(run.worker) === worker)) &&
    // A task in memory belongs to no session and to no schedule.
    (session === undefined || run.row?.session === session) &&
    (schedule === undefined || run.row?.schedule === schedule) &&
    (parent === undefined || run.parent === parent) &&
    (error === undefined || run.error?.code === error) &&
    (fromMs === undefined || createdMs(id, run) >= fromMs) &&
    (toMs === undefined || createdMs(id, run) <= toMs) &&
    (words === undefined || mentions(id, run, words))
}

/** Each of the words begins one of the run's, as in the store. */
function mentions(id: string, run: Filtered, words: readonly string[]): boolean {
  const { function: name, error, metadata = {} } = run
  const texts = [id, name, ...Object.entries(metadata).flat()]
  if (error) texts.push(error.code, error.message)
  const own = texts.flatMap(wordsOf)
  return words.length > 0 && words.every((word) => own.some((one) => one.startsWith(word)))
}
