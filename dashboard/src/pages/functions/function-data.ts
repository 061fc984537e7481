/**
 * What the pages of functions read beside the catalogue: figures of each function in the chosen time, what waits now,
 * its schedules, its settings. A balancer that does not tell a figure leaves it unknown, never 0.
 */
import { useMemo } from 'react'
import { z } from 'zod'
import { useGet } from '../../api/query.ts'
import { useRange } from '../../shell/range.ts'

const statsSchema = z.looseObject({
  series: z.array(
    z.looseObject({ metric: z.string(), of: z.string().nullish(), values: z.array(z.number().nullable()) }),
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

const METRICS = 'runMs.p50,runMs.p95,completed,failed'
const EVERY_MS = 15_000
const NOW_EVERY_MS = 5_000
const NOW_SPAN_MS = 60_000

/** By `group/name`, over the chosen time. `of` narrows it to one. */
export function useFigures(of?: string): ReadonlyMap<string, FunctionFigures> {
  const { fromMs, toMs } = useRange()
  const { data } = useGet<Stats>({
    key: ['stats', 'functions', of ?? ''],
    path: '/stats',
    // One bucket of the whole time: percentiles of parts do not add up.
    query: { metric: METRICS, by: 'function', of, from: iso(fromMs), to: iso(toMs), step: toMs - fromMs },
    schema: statsSchema,
    everyMs: EVERY_MS,
    keepsPrevious: true,
  })
  return useMemo(() => (data ? figuresOf(data) : new Map()), [data])
}

export function figuresOf(stats: Stats): ReadonlyMap<string, FunctionFigures> {
  const keys = new Set(stats.series.flatMap(({ of }) => of ?? []))
  return new Map(
    [...keys].map((key) => {
      const sum = (metric: string) => lastOf(stats, metric, key)
      const [completed, failed] = [sum('completed'), sum('failed')]
      const ended = (completed ?? 0) + (failed ?? 0)
      const figures: FunctionFigures = {
        p50Ms: sum('runMs.p50'),
        p95Ms: sum('runMs.p95'),
        errorShare: ended > 0 ? (failed ?? 0) / ended : null,
        perSecond: completed === null && failed === null ? null : ended,
      }
      return [key, figures]
    }),
  )
}

/** The longest bucket may be cut in two by the grid of the roll-ups: the newest one that says something counts. */
function lastOf({ series }: Stats, metric: string, key: string): number | null {
  const found = series.find((one) => one.metric === metric && one.of === key)
  return found?.values.findLast((value) => value !== null) ?? null
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
    const keys = new Set(data?.series.flatMap(({ of: key }) => key ?? []))
    return new Map(
      [...keys].map((key) => {
        const values = data?.series.find((one) => one.metric === 'submitted' && one.of === key)?.values ?? []
        const known = values.filter((value) => value !== null)
        const mean = known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length
        const waiting = data ? lastOf(data, 'waiting', key) : null
        return [key, { waiting, arrivalsPerMinute: mean === null ? null : mean * 60 }]
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

export function useSettings(group: string, name: string) {
  return useGet<FunctionSettings>({
    key: ['functions', 'settings', group, name],
    path: settingsPath(group, name),
    schema: settingsSchema,
    everyMs: NOW_EVERY_MS,
  })
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
