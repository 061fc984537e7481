/** What the last minutes of the feed's points say: rates, failures, a small curve. Pure; unknown is null. */
import type { FleetPoint } from '@berth/protocol'

const RATE_SECONDS = 60
const FAILURE_SECONDS = 300
const SPARK_SECONDS = 900
const SPARK_STEP = 15

export interface Outcomes {
  readonly completedPerMinute: number
  /** 0 … 1 of what ended in the last 5 min; null when nothing did. */
  readonly errorShare: number | null
  readonly failed: number
  readonly finished: number
}

/** Null while no second is known. The second that is under way does not count. */
export function outcomesOf(points: readonly FleetPoint[], nowSeconds: number): Outcomes | null {
  const last = Math.floor(nowSeconds) - 1
  const within = (seconds: number) => points.filter((point) => point.t <= last && point.t > last - seconds)
  const minute = within(RATE_SECONDS)
  if (minute.length === 0) return null
  const recent = within(FAILURE_SECONDS)
  const completed = sum(recent, (point) => point.completed)
  const failed = sum(recent, (point) => point.failed)
  return {
    // A balancer that has just started has less than a minute to tell of.
    completedPerMinute: (sum(minute, (point) => point.completed) / minute.length) * RATE_SECONDS,
    errorShare: completed + failed === 0 ? null : failed / (completed + failed),
    failed,
    finished: completed + failed,
  }
}

/** Means of 15 s over 15 min, oldest first; null where nothing is known. */
export function sparkOf(
  points: readonly FleetPoint[],
  read: (point: FleetPoint) => number | null,
  nowSeconds: number,
): readonly (number | null)[] {
  const end = Math.floor(nowSeconds / SPARK_STEP) * SPARK_STEP
  const count = SPARK_SECONDS / SPARK_STEP
  const sums = Array.from({ length: count }, () => ({ sum: 0, n: 0 }))
  for (const point of points) {
    const bucket = sums[count - 1 - Math.floor((end - 1 - point.t) / SPARK_STEP)]
    const value = read(point)
    if (!bucket || value === null || point.t >= end) continue
    bucket.sum += value
    bucket.n += 1
  }
  return sums.map(({ sum: total, n }) => (n === 0 ? null : total / n))
}

function sum(points: readonly FleetPoint[], read: (point: FleetPoint) => number): number {
  return points.reduce((total, point) => total + read(point), 0)
}
