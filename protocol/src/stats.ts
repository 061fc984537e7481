/**
 * Figures over time (`GET /stats`): what can be asked, and the answer. The balancer counts and answers, the
 * dashboard draws; both share the buckets of durations. A value that nobody knows is null, never 0.
 */
import { z } from 'zod'

/** Durations are counted in buckets of equal ratio; the first one also holds what is shorter, the last what is longer. */
export const HISTOGRAM = { leastMs: 0.1, perDecade: 8, buckets: 64 } as const

export function bucketOf(ms: number): number {
  if (!(ms > HISTOGRAM.leastMs)) return 0
  const at = Math.floor(Math.log10(ms / HISTOGRAM.leastMs) * HISTOGRAM.perDecade)
  return at < HISTOGRAM.buckets ? at : HISTOGRAM.buckets - 1
}

/** The shortest duration of a bucket, in milliseconds; of the one behind the last: its upper end. */
export function bucketEdgeMs(bucket: number): number {
  return HISTOGRAM.leastMs * 10 ** (bucket / HISTOGRAM.perDecade)
}

export const STATS_BY = ['fleet', 'group', 'contract', 'function', 'worker'] as const
export type StatsBy = (typeof STATS_BY)[number]

/**
 * `rate`: so many a second · `mean`: over the bucket · `max`: the highest in it · `quantile`: milliseconds, null
 * where nothing ended · `histogram`: counts by bucket, a list of `HISTOGRAM.buckets`.
 */
export type StatsKind = 'rate' | 'mean' | 'max' | 'quantile' | 'histogram'

interface MetricFacts {
  readonly kind: StatsKind
  readonly by: readonly StatsBy[]
}

const SERVED: readonly StatsBy[] = ['fleet', 'group', 'contract', 'function']
const SLOTTED: readonly StatsBy[] = ['fleet', 'group', 'contract']
const WORKER: readonly StatsBy[] = ['worker']
const FLEET: readonly StatsBy[] = ['fleet']

const facts = <const Kind extends StatsKind>(kind: Kind, by: readonly StatsBy[]) => ({ kind, by })

export const STATS_METRICS = {
  submitted: facts('rate', SERVED),
  completed: facts('rate', SERVED),
  failed: facts('rate', SERVED),
  cancelled: facts('rate', STATS_BY),
  expired: facts('rate', SERVED),
  waiting: facts('mean', SERVED),
  oldestMs: facts('max', SERVED),
  'slots.used': facts('mean', SLOTTED),
  'slots.free': facts('mean', SLOTTED),
  'slots.maintenance': facts('mean', SLOTTED),
  'slots.stalled': facts('mean', SLOTTED),
  'slots.limit': facts('mean', SLOTTED),
  'queueMs.p50': facts('quantile', SERVED),
  'queueMs.p95': facts('quantile', SERVED),
  'queueMs.p99': facts('quantile', SERVED),
  'queueMs.histogram': facts('histogram', SERVED),
  'runMs.p50': facts('quantile', SERVED),
  'runMs.p95': facts('quantile', SERVED),
  'runMs.p99': facts('quantile', SERVED),
  'runMs.histogram': facts('histogram', SERVED),
  'logs.debug': facts('rate', FLEET),
  'logs.info': facts('rate', FLEET),
  'logs.warn': facts('rate', FLEET),
  'logs.error': facts('rate', FLEET),
  'logs.dropped': facts('rate', FLEET),
  cpu: facts('mean', WORKER),
  memory: facts('mean', WORKER),
  loopMs: facts('max', WORKER),
  gapMs: facts('max', WORKER),
  used: facts('mean', WORKER),
  limit: facts('mean', WORKER),
  ok: facts('rate', WORKER),
  error: facts('rate', WORKER),
  timeout: facts('rate', WORKER),
} as const satisfies Record<string, MetricFacts>

export type StatsMetric = keyof typeof STATS_METRICS

export function isStatsMetric(name: string): name is StatsMetric {
  return Object.hasOwn(STATS_METRICS, name)
}

/** What an answer holds at most; lists of a histogram count once. */
export const STATS_VALUES = 5_000
/** Keys that are answered one by one when none is named; the rest of them are added up as `other`. */
export const STATS_KEYS = 50
/** The key of all that is behind the first ones. */
export const STATS_OTHER = 'other'

export const statsSeriesSchema = z.object({
  metric: z.string(),
  by: z.enum(STATS_BY),
  /** Empty for the fleet; `default`, `default@2`, `default/hello`, a worker's id, or `other`. */
  of: z.string(),
  /** One a bucket, from `from` on. */
  values: z.array(z.union([z.number(), z.null(), z.array(z.number())])),
})

export const STATS_MARKERS = ['config', 'maintenance', 'deploy', 'start'] as const
export const statsMarkerSchema = z.object({ at: z.string(), kind: z.enum(STATS_MARKERS), text: z.string() })

export const statsAnswerSchema = z.object({
  /** Instants: the first bucket's begin, the last one's end. Buckets lie on multiples of their length. */
  from: z.string(),
  to: z.string(),
  stepMs: z.number(),
  /** The begin of the newest bucket if that is not over yet, else `to`. */
  partial: z.string(),
  /** Why the step is another than the one asked for; null when it is not. */
  note: z.string().nullable(),
  series: z.array(statsSeriesSchema),
  markers: z.array(statsMarkerSchema),
})

export type StatsSeries = z.infer<typeof statsSeriesSchema>
export type StatsMarker = z.infer<typeof statsMarkerSchema>
export type StatsAnswer = z.infer<typeof statsAnswerSchema>
