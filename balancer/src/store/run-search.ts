/**
 * What of a run is searched by words, and whether it is meant by a filter. Pure; used by every store, so that
 * all of them find the same. Invariant: the searched text has a bound, whatever metadata and errors bring.
 */
import { soughtWords, wordsOf } from '@berth/runtime'
import type { RunFilter } from '../ports/run-filter.ts'
import type { RunOrder, StoredRun } from '../ports/stored-run.ts'
import { shownId } from '../ports/worker-key.ts'

const MAX_TEXT = 4_000

interface Searched extends Pick<RunOrder, 'id' | 'function' | 'metadata'> {
  readonly error: { readonly code: string; readonly detail: string } | null
}

/** The words of a run, none twice. */
export function searchedWords(run: Searched): Set<string> {
  const { id, function: name, metadata, error } = run
  return new Set(wordsOf(`${id} ${name} ${ownText({ metadata, error })}`))
}

function ownText({ metadata, error }: Pick<Searched, 'metadata' | 'error'>): string {
  let text = error === null ? '' : `${error.code} ${error.detail.slice(0, MAX_TEXT / 2)}`
  for (const [key, value] of Object.entries(metadata)) {
    if (text.length >= MAX_TEXT) break
    text += ` ${key} ${value.slice(0, MAX_TEXT)}`
  }
  return text.slice(0, MAX_TEXT)
}

/**
 * The words that are looked for; undefined when anything will do. What begins another of them is found with it, and
 * what comes twice need not be looked for twice: each takes as long as there are words that it begins.
 */
export function wordsToFind(q: string | undefined): readonly string[] | undefined {
  if (q === undefined || q.trim() === '') return undefined
  const words = [...new Set(soughtWords(q))]
  return words.filter((word) => !words.some((other) => other !== word && other.startsWith(word)))
}

/** Whether a run is meant; all that the filter gives must hold. */
export function isMeant(filter: RunFilter, { kind, run }: StoredRun): boolean {
  const { status, group, function: name, worker, session, schedule, parent, error, fromMs, toMs } = filter
  return (
    (status === undefined || status.includes(run.status)) &&
    (group === undefined || run.group === group) &&
    (name === undefined || run.function === name) &&
    (worker === undefined || (run.worker !== null && shownId(run.worker) === worker)) &&
    (session === undefined || run.session === session) &&
    (schedule === undefined || run.schedule === schedule) &&
    (parent === undefined || run.parent === parent) &&
    (error === undefined || (kind === 'done' && run.error?.code === error)) &&
    (fromMs === undefined || run.acceptedMs >= fromMs) &&
    (toMs === undefined || run.acceptedMs <= toMs) &&
    mentions({ ...run, error: kind === 'done' ? run.error : null }, wordsToFind(filter.q))
  )
}

/** A question of no words at all, such as `!`, is in nothing. */
function mentions(run: Searched, sought: readonly string[] | undefined): boolean {
  if (sought === undefined) return true
  const words = [...searchedWords(run)]
  return sought.length > 0 && sought.every((part) => words.some((word) => word.startsWith(part)))
}
