/**
 * The last quarter of an hour behind the tiles, from the figures that the balancer keeps: of the fleet, or of
 * the group that the page is narrowed to. Empty until the first answer.
 */
import type { StatsAnswer, StatsMetric } from '@berth/protocol'
import { useStats } from '../../charts/use-stats.ts'
import type { Outcomes } from './recent.ts'

const SPAN_MS = 15 * 60_000
const STEP_MS = 15_000
const METRICS: readonly StatsMetric[] = ['slots.used', 'waiting', 'oldestMs', 'completed', 'failed']
/** Buckets of the rate a minute, and of the failures. */
const RATE_BUCKETS = 4
const FAILURE_BUCKETS = 20

export type Curve = readonly (number | null)[]

export interface TileStats {
  curve(metric: StatsMetric): Curve
  /** The newest known value; null when there is none. */
  last(metric: StatsMetric): number | null
  /** Null until known. */
  outcomes(): Outcomes | null
}

export function useTileStats(group: string | null): TileStats {
  const { answer } = useStats({
    metrics: METRICS,
    by: group === null ? 'fleet' : 'group',
    of: group ?? undefined,
    spanMs: SPAN_MS,
    stepMs: STEP_MS,
  })
  return tileStatsOf(answer)
}

export function tileStatsOf(answer: StatsAnswer | undefined): TileStats {
  const curve = (metric: StatsMetric): Curve => {
    const found = answer?.series.find((one) => one.metric === metric)
    return found?.values.map((value) => (typeof value === 'number' ? value : null)) ?? []
  }
  return {
    curve,
    last: (metric) => curve(metric).findLast((value) => value !== null) ?? null,
    outcomes: () => outcomesIn(curve('completed'), curve('failed'), (answer?.stepMs ?? STEP_MS) / 1_000),
  }
}

/** The newest bucket is under way and does not count. */
function outcomesIn(completed: Curve, failed: Curve, stepSeconds: number): Outcomes | null {
  const known = (curve: Curve, buckets: number) =>
    curve
      .slice(0, -1)
      .slice(-buckets)
      .filter((value) => value !== null)
  const minute = known(completed, RATE_BUCKETS)
  if (minute.length === 0) return null
  const total = (curve: Curve) => sum(known(curve, FAILURE_BUCKETS)) * stepSeconds
  const [done, bad] = [total(completed), total(failed)]
  return {
    completedPerMinute: (sum(minute) / minute.length) * 60,
    errorShare: done + bad === 0 ? null : bad / (done + bad),
    failed: Math.round(bad),
    finished: Math.round(done + bad),
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
