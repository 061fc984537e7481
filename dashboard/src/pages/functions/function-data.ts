/**
 * What the pages of functions read beside the catalogue: figures of each function in the chosen time, what waits now,
 * its schedules, its settings. A balancer that does not tell a figure leaves it unknown, never 0.
 */
import { bucketEdgeMs } from '@berth/protocol'
import { useMemo } from 'react'
import { z } from 'zod'
import { type ReadKey, useGet } from '../../api/query.ts'
import { useRange } from '../../shell/range.ts'

const valueSchema = z.union([z.number(), z.array(z.number())]).nullable()
const statsSchema = z.looseObject({
  series: z.array(
    z.looseObject({ metric: z.string(), of: z.string().nullish(), values: z.array(valueSchema) }),
  ),
})

type Stats = z.infer<typeof statsSchema>

export interface FunctionFigures {
  readonly p50Ms: number | null
  readonly p95Ms: number | null
  /** 0 … 1 of those that ended. */
  readonly errorShare: number | null
  readonly perSecond: number | null
}

const METRICS = 'runMs.histogram,completed,failed'
const EVERY_MS = 15_000
const NOW_EVERY_MS = 5_000
const NOW_SPAN_MS = 60_000
/** Of the chosen time; they are added up here. */
const BUCKETS = 8

/** By `group/name`, over the chosen time. `of` narrows it to one. */
export function useFigures(of?: string): ReadonlyMap<string, FunctionFigures> {
  const { fromMs, toMs } = useRange()
  const step = Math.min(86_400, Math.max(1, Math.round((toMs - fromMs) / BUCKETS / 1_000)))
  const { data } = useGet<Stats>({
    key: ['stats', 'functions', of ?? ''],
    path: '/stats',
    query: { metric: METRICS, by: 'function', of, from: iso(fromMs), to: iso(toMs), step },
    schema: statsSchema,
    everyMs: EVERY_MS,
    keepsPrevious: true,
  })
  return useMemo(() => (data ? figuresOf(data) : new Map()), [data])
}

export function figuresOf({ series }: Stats): ReadonlyMap<string, FunctionFigures> {
  const keys = new Set(series.flatMap(({ of }) => of ?? []))
  return new Map(
    [...keys].map((key) => {
      const valuesOf = (metric: string) =>
        series.find((one) => one.metric === metric && one.of === key)?.values ?? []
      const [completed, failed] = [meanOf(valuesOf('completed')), meanOf(valuesOf('failed'))]
      const perSecond = completed === null && failed === null ? null : (completed ?? 0) + (failed ?? 0)
      const counts = addUp(valuesOf('runMs.histogram'))
      const figures: FunctionFigures = {
        p50Ms: quantileOf(counts, 0.5),
        p95Ms: quantileOf(counts, 0.95),
        errorShare: perSecond === null || perSecond === 0 ? null : (failed ?? 0) / perSecond,
        perSecond,
      }
      return [key, figures]
    }),
  )
}

function meanOf(values: readonly z.infer<typeof valueSchema>[]): number | null {
  const known = values.filter((value) => typeof value === 'number')
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
}

/** Percentiles of parts do not add up, their histograms do. */
function addUp(values: readonly z.infer<typeof valueSchema>[]): readonly number[] {
  const sum: number[] = []
  for (const counts of values)
    if (Array.isArray(counts)) for (const [at, count] of counts.entries()) sum[at] = (sum[at] ?? 0) + count
  return sum
}

/** Within its bucket by equal ratios; null where nothing ended. */
export function quantileOf(counts: readonly number[], share: number): number | null {
  const all = counts.reduce((sum, count) => sum + count, 0)
  if (all === 0) return null
  let before = 0
  for (const [at, count] of counts.entries()) {
    if (count > 0 && before + count >= share * all) {
      const [low, high] = [bucketEdgeMs(at), bucketEdgeMs(at + 1)]
      return low * (high / low) ** ((share * all - before) / count)
    }
    before += count
  }
  return bucketEdgeMs(counts.length)
}

export interface Demand {
  readonly waiting: number | null
  readonly arrivalsPerMinute: number | null
}

/** What waits now and how much comes, by `group/name`. */
export function useDemand(of?: string): ReadonlyMap<string, Demand> {
  const nowMs = Math.ceil(Date.now() / NOW_EVERY_MS) * NOW_EVERY_MS
  const { data } = useGet<Stats>({
    key: ['stats', 'demand', of ?? ''],
    path: '/stats',
    query: {
      metric: 'waiting,submitted',
      by: 'function',
      of,
      from: iso(nowMs - NOW_SPAN_MS),
      to: iso(nowMs),
      step: 15_000,
    },
    schema: statsSchema,
    everyMs: NOW_EVERY_MS,
    keepsPrevious: true,
  })
  return useMemo(() => {
    const series = data?.series ?? []
    const keys = new Set(series.flatMap(({ of: key }) => key ?? []))
    return new Map(
      [...keys].map((key) => {
        const valuesOf = (metric: string) =>
          series.find((one) => one.metric === metric && one.of === key)?.values ?? []
        const waiting = valuesOf('waiting').findLast((value) => typeof value === 'number')
        const mean = meanOf(valuesOf('submitted'))
        return [
          key,
          {
            waiting: typeof waiting === 'number' ? Math.round(waiting) : null,
            arrivalsPerMinute: mean === null ? null : mean * 60,
          },
        ]
      }),
    )
  }, [data])
}

const scheduleSchema = z.looseObject({
  id: z.string(),
  group: z.string(),
  function: z.string(),
  type: z.string(),
  cron: z.string().nullish(),
  timezone: z.string().nullish(),
  intervalSeconds: z.number().nullish(),
  enabled: z.boolean(),
  nextRunAt: z.string().nullable(),
})
const scheduleList = z.object({ items: z.array(scheduleSchema), cursor: z.string().nullable() })

export type ScheduleItem = z.infer<typeof scheduleSchema>

/** The newest 500, or those of one function. */
export function useSchedules(query: { readonly group?: string; readonly function?: string } = {}) {
  return useGet<z.infer<typeof scheduleList>>({
    key: ['schedules'],
    path: '/schedules',
    query: { limit: 500, ...query },
    schema: scheduleList,
    everyMs: EVERY_MS,
  })
}

const pauseSchema = z.looseObject({
  since: z.string(),
  until: z.string().nullable(),
  reason: z.string().nullable(),
})
const settingsSchema = z.looseObject({
  concurrency: z.number().nullable(),
  rate: z.object({ limit: z.number(), perMs: z.number() }).nullable(),
  paused: pauseSchema.nullable(),
  defaultContract: z.number().nullable(),
  background: z.boolean().nullable(),
  keepWarm: z.boolean().nullable(),
  used: z.looseObject({ concurrency: z.number().nullable(), rate: z.number().nullish() }),
})

export type FunctionSettings = z.infer<typeof settingsSchema>

export function settingsPath(group: string, name: string): string {
  return `/functions/${encodeURIComponent(group)}/${encodeURIComponent(name)}`
}

export function settingsKey(group: string, name: string): ReadKey {
  return ['functions', 'settings', group, name]
}

export function useSettings(group: string, name: string) {
  return useGet<FunctionSettings>({
    key: settingsKey(group, name),
    path: settingsPath(group, name),
    schema: settingsSchema,
    everyMs: NOW_EVERY_MS,
  })
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
