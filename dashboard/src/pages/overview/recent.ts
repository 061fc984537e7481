/** What the last minutes of the feed's points say: rates and failures. Pure; unknown is null. */
import type { FleetPoint } from '@berth/protocol'

const RATE_SECONDS = 60
const FAILURE_SECONDS = 300

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

function sum(points: readonly FleetPoint[], read: (point: FleetPoint) => number): number {
  return points.reduce((total, point) => total + read(point), 0)
}
