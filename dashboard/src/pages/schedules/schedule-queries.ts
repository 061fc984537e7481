/** What the pages of schedules read: the list, one of them, its runs, the next hours, what a time means. */
import { type RunItem, runItemSchema, type ScheduleView, scheduleViewSchema } from '@berth/protocol'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { z } from 'zod'
import { type ApiError, request } from '../../api/client.ts'
import { type ReadKey, useGet } from '../../api/query.ts'
import { useLive } from '../../shell/live.ts'
import { TICKS, type Tick, ticksOf } from './outcomes.ts'
import type { Terms } from './picker-state.ts'

const PAGE_ROWS = 100
const AGAIN_MS = 5_000
const TICKS_AGAIN_MS = 15_000
const CALENDAR_AGAIN_MS = 60_000

/** Everything of schedules is old after a change, and so are the lists of their runs. */
export const SCHEDULE_READS: readonly ReadKey[] = [['schedules'], ['runs']]

const listSchema = z.object({ items: z.array(scheduleViewSchema), cursor: z.string().nullable() })
const runsSchema = z.object({ items: z.array(runItemSchema), cursor: z.string().nullable() })
const previewSchema = z.object({ nextRuns: z.array(z.string()) })
const calendarSchema = z.object({
  from: z.string(),
  to: z.string(),
  isCapped: z.boolean(),
  items: z.array(
    z.object({
      id: z.string(),
      group: z.string(),
      function: z.string(),
      instants: z.array(z.string()),
      isDense: z.boolean(),
    }),
  ),
})
export type Calendar = z.infer<typeof calendarSchema>

export interface ListFilter {
  readonly group?: string | undefined
  readonly function?: string | undefined
  readonly enabled?: string | undefined
}

export function useSchedules(filter: ListFilter) {
  const { isLive } = useLive()
  return useInfiniteQuery({
    queryKey: ['schedules', 'list', filter],
    queryFn: ({ pageParam, signal }) =>
      request('GET', '/schedules', {
        schema: listSchema,
        query: { ...filter, limit: PAGE_ROWS, cursor: pageParam },
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.cursor,
    refetchInterval: isLive ? AGAIN_MS : false,
    placeholderData: (previous) => previous,
  })
}

export function useSchedule(id: string) {
  return useGet<ScheduleView>({
    key: ['schedules', 'one', id],
    path: `/schedules/${encodeURIComponent(id)}`,
    schema: scheduleViewSchema,
    everyMs: AGAIN_MS,
  })
}

export function useRunsOf(id: string, everyMs: number) {
  return useGet({
    key: ['runs', 'of schedule', id],
    path: '/runs',
    query: { schedule: id, limit: TICKS },
    schema: runsSchema,
    everyMs,
  })
}

/** Undefined until both are there. */
export function useTicks(
  id: string,
  everyMs = TICKS_AGAIN_MS,
): { readonly ticks: readonly Tick[]; readonly runs: readonly RunItem[] } | undefined {
  const runs = useRunsOf(id, everyMs)
  const schedule = useGet<ScheduleView>({
    key: ['schedules', 'one', id],
    path: `/schedules/${encodeURIComponent(id)}`,
    schema: scheduleViewSchema,
    everyMs,
  })
  if (!runs.data || !schedule.data) return undefined
  return { ticks: ticksOf(runs.data.items, schedule.data.history ?? []), runs: runs.data.items }
}

export function useCalendar() {
  return useGet<Calendar>({
    key: ['schedules', 'calendar'],
    path: '/schedules/calendar',
    query: { hours: 24 },
    schema: calendarSchema,
    everyMs: CALENDAR_AGAIN_MS,
  })
}

/** The next instants of a time, or why it is none; nothing is asked while the form is not filled. */
export function usePreview(terms: Terms | null): {
  readonly nextRuns: readonly string[] | undefined
  readonly error: ApiError | null
} {
  const found = useQuery<{ nextRuns: string[] }, ApiError>({
    queryKey: ['schedules', 'preview', terms],
    queryFn: ({ signal }) =>
      request('POST', '/schedules/preview', { schema: previewSchema, body: terms, signal }),
    enabled: terms !== null,
    retry: false,
    placeholderData: (previous) => previous,
  })
  return { nextRuns: terms === null ? undefined : found.data?.nextRuns, error: found.error }
}
