/** The list as it is shown, read page by page and again every few seconds while live; and one entry by its id. */
import { type ActivityItem, activityItemSchema } from '@berth/protocol'
import { useInfiniteQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { z } from 'zod'
import { request } from '../../api/client.ts'
import { useGet } from '../../api/query.ts'
import { useLive } from '../../shell/live.ts'
import type { Range } from '../../shell/range.ts'
import { type ActivityFilter, requestOf } from './activity-query.ts'

const PAGE_ROWS = 100
const AGAIN_MS = 3_000
/** Its id names the millisecond of an entry; the clock may have been set meanwhile. */
const AROUND_MS = 5_000
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

export const activityPageSchema = z.object({
  items: z.array(activityItemSchema),
  cursor: z.string().nullable(),
})

export interface ActivityRows {
  readonly rows: readonly ActivityItem[]
  readonly isLoading: boolean
  readonly error: Error | null
  readonly hasMore: boolean
  readonly isLoadingMore: boolean
  loadMore(): void
  reload(): void
}

export function useActivity(filter: ActivityFilter, range: Range): ActivityRows {
  const { isLive } = useLive()
  const { name, fromMs, toMs } = range
  // A range that moves on is one query, whose beginning is that of the moment it is asked.
  const place = name ?? `${fromMs} ${toMs}`
  const asked = requestOf(filter, fromMs, name === null ? toMs : undefined)
  const pages = useInfiniteQuery({
    queryKey: ['activity', 'list', filter, place],
    queryFn: ({ pageParam, signal }) =>
      request('GET', '/activity', {
        schema: activityPageSchema,
        query: { ...asked, limit: PAGE_ROWS, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.cursor,
    refetchInterval: isLive ? AGAIN_MS : false,
    refetchIntervalInBackground: false,
    placeholderData: (previous) => previous,
  })
  const rows = useMemo(() => unique(pages.data?.pages.flatMap(({ items }) => items) ?? []), [pages.data])
  return {
    rows,
    isLoading: pages.isPending,
    error: pages.error,
    hasMore: pages.hasNextPage,
    isLoadingMore: pages.isFetchingNextPage,
    loadMore: () => {
      if (pages.hasNextPage && !pages.isFetchingNextPage) void pages.fetchNextPage()
    },
    reload: () => void pages.refetch(),
  }
}

/** Between two pages the list may have moved on. */
function unique(items: readonly ActivityItem[]): readonly ActivityItem[] {
  return [...new Map(items.map((item) => [item.id, item])).values()]
}

/** Undefined while it is read, null when there is none (any more). */
export function useEntry(
  id: string | undefined,
  rows: readonly ActivityItem[],
): ActivityItem | null | undefined {
  const here = id === undefined ? undefined : rows.find((row) => row.id === id)
  const atMs = id === undefined ? null : timeOf(id)
  const found = useGet({
    key: ['activity', 'entry', id],
    path: '/activity',
    query: atMs === null ? {} : requestOf({}, atMs - AROUND_MS, atMs + AROUND_MS),
    schema: activityPageSchema,
    isEnabled: id !== undefined && here === undefined && atMs !== null,
  })
  if (id === undefined) return null
  if (here) return here
  if (atMs === null || found.isError) return null
  return found.data === undefined ? undefined : (found.data.items.find((item) => item.id === id) ?? null)
}

/** The milliseconds in an id: its first ten characters, in base 32. */
export function timeOf(id: string): number | null {
  if (!/^a_[0-9a-hjkmnp-tv-z]{26}$/.test(id)) return null
  return [...id.slice(2, 12)].reduce((ms, character) => ms * 32 + ALPHABET.indexOf(character), 0)
}
