/**
 * What the page watches of runs (`runs?…`, `run:<id>`), as the reducer keeps it: lists by their word, single runs by
 * their id, and words that the balancer does not follow. Pure.
 * Invariant: only what is watched is kept; a list holds what the balancer's list holds now.
 */
import type { FeedChanges, FeedRun, RunItem } from '@berth/protocol'

export const RUNS_PREFIX = 'runs?'
export const RUN_PREFIX = 'run:'

export interface WatchedRuns {
  /** By word; items by id. */
  readonly lists: ReadonlyMap<string, ReadonlyMap<string, RunItem>>
  /** By id; null when there is no such run (any more). */
  readonly runs: ReadonlyMap<string, Partial<FeedRun> | null>
  /** By word: why the balancer does not follow it. */
  readonly refused: ReadonlyMap<string, string>
}

export const noWatchedRuns: WatchedRuns = { lists: new Map(), runs: new Map(), refused: new Map() }

export function applyRunChanges(known: WatchedRuns, changes: FeedChanges): WatchedRuns {
  if (!changes.runs && !changes.run && !changes.refused) return known
  const lists = new Map(known.lists)
  const refused = new Map(known.refused)
  for (const [word, { items, gone, isWhole }] of Object.entries(changes.runs ?? {})) {
    const list = new Map(isWhole ? [] : lists.get(word))
    for (const id of gone) list.delete(id)
    for (const item of items) list.set(item.id, item)
    lists.set(word, list)
    refused.delete(word)
  }
  const runs = new Map(known.runs)
  for (const [id, change] of Object.entries(changes.run ?? {}))
    runs.set(id, change === null ? null : { ...runs.get(id), ...change })
  for (const [word, why] of Object.entries(changes.refused ?? {})) refused.set(word, why)
  return { lists, runs, refused }
}

export function keepWatchedRuns(known: WatchedRuns, sources: readonly string[]): WatchedRuns {
  const words = new Set(sources)
  return {
    lists: new Map([...known.lists].filter(([word]) => words.has(word))),
    runs: new Map([...known.runs].filter(([id]) => words.has(`${RUN_PREFIX}${id}`))),
    refused: new Map([...known.refused].filter(([word]) => words.has(word))),
  }
}
