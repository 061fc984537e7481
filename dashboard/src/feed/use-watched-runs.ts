/** Runs of the feed for components: a list by the query of GET /runs, or one run by its id. */
import type { FeedRun, RunItem } from '@berth/protocol'
import { useEffect, useSyncExternalStore } from 'react'
import { useFeedClient } from './use-feed.tsx'
import { RUN_PREFIX, RUNS_PREFIX } from './watched-runs.ts'

function useWatch(word: string | null): void {
  const client = useFeedClient()
  useEffect(() => {
    if (word === null) return
    return client.watch(word) ?? undefined
  }, [client, word])
}

export interface WatchedList {
  /** By id; null until the balancer has told them. */
  readonly items: ReadonlyMap<string, RunItem> | null
  /** Why the balancer does not follow the list. */
  readonly refused: string | null
}

/** `query` without the question mark; null watches nothing. */
export function useWatchedRuns(query: string | null): WatchedList {
  const client = useFeedClient()
  const word = query === null ? null : `${RUNS_PREFIX}${query}`
  useWatch(word)
  const items = useSyncExternalStore(
    client.subscribe,
    () => (word === null ? null : client.getShown().feed.watched.lists.get(word)) ?? null,
  )
  const refused = useSyncExternalStore(
    client.subscribe,
    () => (word === null ? null : client.getShown().feed.watched.refused.get(word)) ?? null,
  )
  return { items, refused }
}

/** What the balancer tells of the run; undefined before it has, null when there is no such run. */
export function useWatchedRun(id: string | null): Partial<FeedRun> | null | undefined {
  const client = useFeedClient()
  useWatch(id === null ? null : `${RUN_PREFIX}${id}`)
  return useSyncExternalStore(client.subscribe, () =>
    id === null ? undefined : client.getShown().feed.watched.runs.get(id),
  )
}
