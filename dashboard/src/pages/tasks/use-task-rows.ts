/** The list of tasks as it is shown: read page by page, kept live by the feed, held while somebody reads. */
import { type RunItem, runItemSchema } from '@berth/protocol'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useRef, useState } from 'react'
import { z } from 'zod'
import { request } from '../../api/client.ts'
import { useWatchedRuns } from '../../feed/use-watched-runs.ts'
import { useLive } from '../../shell/live.ts'
import { searchOf, type TaskFilter } from './task-query.ts'
import { LIVE_ROWS, mergeRows } from './task-rows.ts'

const PAGE_ROWS = 100
/** What the feed does not look at is read again so often. */
const AGAIN_MS = 15_000
/** Without the feed the list is read again so often. */
const POLL_MS = 5_000
const MAX_SEEN = 5_000

const pageSchema = z.object({ items: z.array(runItemSchema), cursor: z.string().nullable() })

export interface TaskRows {
  readonly rows: readonly RunItem[]
  readonly isLoading: boolean
  readonly error: Error | null
  readonly hasMore: boolean
  readonly isLoadingMore: boolean
  loadMore(): void
  reload(): void
}

/** `fromMs`: where the range begins by now; `filter` stands still while it moves. */
export function useTaskRows(filter: TaskFilter, fromMs: number): TaskRows {
  const { isLive } = useLive()
  const search = searchOf(filter)
  const { items: live, refused } = useWatchedRuns(isLive ? withLimit(search) : null)
  const everyMs = refused === null ? AGAIN_MS : POLL_MS
  const pages = useInfiniteQuery({
    queryKey: ['runs', 'list', search],
    queryFn: ({ pageParam, signal }) =>
      request('GET', '/runs', {
        schema: pageSchema,
        query: { ...filter, limit: PAGE_ROWS, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.cursor,
    refetchInterval: isLive ? everyMs : false,
    refetchIntervalInBackground: false,
  })
  const seen = useSeen(search, live)
  const read = useMemo(() => pages.data?.pages.flatMap(({ items }) => items) ?? [], [pages.data])
  const rows = useMemo(() => mergeRows({ read, seen, live, fromMs }), [read, seen, live, fromMs])
  return {
    rows,
    isLoading: pages.isPending && live === null,
    error: pages.error,
    hasMore: pages.hasNextPage,
    isLoadingMore: pages.isFetchingNextPage,
    loadMore: () => {
      if (pages.hasNextPage && !pages.isFetchingNextPage) void pages.fetchNextPage()
    },
    reload: () => void pages.refetch(),
  }
}

function withLimit(search: string): string {
  return search === '' ? `limit=${LIVE_ROWS}` : `${search}&limit=${LIVE_ROWS}`
}

/** Everything the feed has told of this list, the newest so many. */
function useSeen(search: string, live: ReadonlyMap<string, RunItem> | null): ReadonlyMap<string, RunItem> {
  const of = useRef(search)
  const [seen, setSeen] = useState<ReadonlyMap<string, RunItem>>(new Map())
  useEffect(() => {
    const known = of.current === search
    of.current = search
    setSeen((old) => {
      if (!live) return known ? old : new Map()
      const next = new Map([...(known ? old : []), ...live])
      if (next.size <= MAX_SEEN) return next
      return new Map([...next].sort(([a], [b]) => (a < b ? 1 : -1)).slice(0, MAX_SEEN))
    })
  }, [search, live])
  return seen
}
