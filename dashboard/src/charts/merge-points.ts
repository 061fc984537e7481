/**
 * From a point a second to what a chart draws: at most 300 points, seconds without a point as gaps
 * (null, never 0), the newest incomplete second left out. Buckets lie on multiples of their width,
 * so a picture that moves does not flicker. Pure.
 */
import type { FleetPoint } from '@berth/protocol'

export const MAX_CHART_POINTS = 300

export interface ChartPoint {
  /** Unix seconds, the start of the bucket. */
  readonly t: number
  /** Slots: the mean over the bucket's known seconds. */
  readonly used: number | null
  readonly free: number | null
  readonly maintenance: number | null
  readonly stalled: number | null
  /** Tasks per second: the mean over the bucket's known seconds. */
  readonly submitted: number | null
  readonly completed: number | null
  readonly failed: number | null
}

export const RANGES = ['1', '5', '15'] as const
export type Range = (typeof RANGES)[number]

/** Seconds in one drawn point. */
export function stepOf(rangeSeconds: number): number {
  return Math.max(1, Math.ceil(rangeSeconds / MAX_CHART_POINTS))
}

/** The range that ends with the last whole bucket before `nowSeconds`. */
export function mergePoints(
  points: readonly FleetPoint[],
  rangeSeconds: number,
  nowSeconds: number,
): ChartPoint[] {
  const step = stepOf(rangeSeconds)
  const end = Math.floor(nowSeconds / step) * step
  const start = end - rangeSeconds
  const buckets = new Map<number, FleetPoint[]>()
  for (const point of points) {
    if (point.t < start || point.t >= end) continue
    const key = Math.floor(point.t / step) * step
    const bucket = buckets.get(key)
    if (bucket) bucket.push(point)
    else buckets.set(key, [point])
  }
  const merged: ChartPoint[] = []
  for (let t = start; t < end; t += step) merged.push(mergeBucket(t, buckets.get(t) ?? []))
  return merged
}

function mergeBucket(t: number, points: readonly FleetPoint[]): ChartPoint {
  const slots = points.flatMap((point) => (point.slots ? [point.slots] : []))
  return {
    t,
    used: meanOf(slots, (one) => one.used),
    free: meanOf(slots, (one) => one.free),
    maintenance: meanOf(slots, (one) => one.maintenance),
    stalled: meanOf(slots, (one) => one.stalled),
    submitted: meanOf(points, (one) => one.submitted),
    completed: meanOf(points, (one) => one.completed),
    failed: meanOf(points, (one) => one.failed),
  }
}

function meanOf<Item>(items: readonly Item[], read: (item: Item) => number): number | null {
  return items.length === 0 ? null : items.reduce((sum, item) => sum + read(item), 0) / items.length
}

export interface ChartSummary {
  readonly meanUsed: number | null
  readonly mostUsed: number | null
  readonly limitNow: number | null
  readonly submitted: number | null
  readonly completed: number | null
  readonly failed: number | null
}

/** The figures of the summary sentence, from the unmerged points of the same range. */
export function summarise(
  points: readonly FleetPoint[],
  rangeSeconds: number,
  nowSeconds: number,
): ChartSummary {
  const end = Math.floor(nowSeconds)
  const known = points.filter((point) => point.t >= end - rangeSeconds && point.t < end)
  const slots = known.flatMap((point) => (point.slots ? [point.slots] : []))
  const last = slots.at(-1)
  const sum = (read: (point: FleetPoint) => number) =>
    known.length === 0 ? null : known.reduce((total, point) => total + read(point), 0)
  return {
    meanUsed: meanOf(slots, (one) => one.used),
    mostUsed: slots.length === 0 ? null : Math.max(...slots.map((one) => one.used)),
    limitNow: last ? last.used + last.free + last.maintenance + last.stalled : null,
    submitted: sum((point) => point.submitted),
    completed: sum((point) => point.completed),
    failed: sum((point) => point.failed),
  }
}
