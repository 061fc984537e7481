/** Counts by state and time of what the filter means, and the range that list and chart share. */
import { type RunSummary, runSummarySchema } from '@berth/protocol'
import { useMemo, useRef } from 'react'
import { useGet } from '../../api/query.ts'
import type { Range } from '../../shell/range.ts'
import type { TaskFilter } from './task-query.ts'

const BUCKETS = 60
const LEAST_STEP_MS = 15_000
const EVERY_MS = 5_000
const DAY_MS = 86_400_000

/** Whatever the state: the tabs tell of each. */
export function useSummary(
  filter: TaskFilter,
  range: Range,
): { summary: RunSummary | undefined; error: Error | null } {
  const { status: _, ...rest } = filter
  const span = range.toMs - range.fromMs
  // The edges stand still for a step, so that equal questions share an answer.
  const step = Math.max(LEAST_STEP_MS, Math.ceil(span / BUCKETS))
  const toMs = range.isRelative ? Math.ceil(range.toMs / step) * step : range.toMs
  const { data, error } = useGet({
    key: ['runs', 'summary'],
    path: '/runs/summary',
    query: { ...rest, from: iso(toMs - span), to: iso(toMs - 1), buckets: BUCKETS },
    schema: runSummarySchema,
    everyMs: EVERY_MS,
    keepsPrevious: true,
  })
  return { summary: data, error }
}

/** How many there would be in the day that ends with the range; undefined until it is known. */
export function useWiderCount(filter: TaskFilter, toMs: number, isEnabled: boolean): number | undefined {
  const { data } = useGet({
    key: ['runs', 'wider'],
    path: '/runs/summary',
    query: { ...filter, from: iso(toMs - DAY_MS), to: iso(toMs), buckets: 1 },
    schema: runSummarySchema,
    isEnabled,
  })
  return data && Object.values(data.counts).reduce((sum, n) => sum + n, 0)
}

/**
 * The filter with where the range begins. It stands still while a range that ends now moves on, until it has moved by
 * its own length: a list whose beginning moved would be read anew each time.
 */
export function useAnchoredFilter(filter: TaskFilter, range: Range): TaskFilter {
  const anchor = useRef({ key: '', fromMs: 0 })
  const key = JSON.stringify([filter, range.name])
  const hasMoved = range.fromMs - anchor.current.fromMs > range.toMs - range.fromMs
  if (anchor.current.key !== key || hasMoved || range.fromMs < anchor.current.fromMs)
    anchor.current = { key, fromMs: range.fromMs }
  const { fromMs } = anchor.current
  const { isRelative, toMs } = range
  // biome-ignore lint/correctness/useExhaustiveDependencies: `key` stands for the filter.
  return useMemo(
    () => ({ ...filter, from: iso(fromMs), ...(isRelative ? {} : { to: iso(toMs) }) }),
    [key, fromMs, isRelative, isRelative ? 0 : toMs],
  )
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
