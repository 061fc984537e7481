/** The charts of one worker: slots (C5), load (C6), outcomes (C7), heartbeat gap (C8). `worker` is its id. */
import { useFeedPart } from '../feed/use-feed.tsx'
import { formatCount, formatDuration, formatMs, formatRate, formatShare } from '../text/format.ts'
import { text } from '../text/text.ts'
import { factsIn, totalOf } from './fleet-stats.tsx'
import { type MetricSeries, StatsChart } from './stats-chart.tsx'

const words = text.charts.worker

interface Props {
  readonly worker: string
}

const slots: readonly MetricSeries[] = [
  { metric: 'used', label: words.used, color: 'used', draw: 'area' },
  { metric: 'limit', label: words.limit, color: 'total', draw: 'step' },
]

/** C5. */
export function WorkerSlotsChart({ worker }: Props) {
  return (
    <StatsChart
      id="worker-slots"
      title={words.slots}
      unit={text.charts.slots}
      metrics={slots}
      by="worker"
      of={worker}
      isWhole
      summary={(data) => {
        const { mean, most } = factsIn(data, 'used')
        return words.slotsSummary(formatRate(mean), formatRate(most))
      }}
    />
  )
}

const load = [
  { metric: 'cpu', title: words.cpu, unit: words.ofCores, color: 'c1' },
  { metric: 'memory', title: words.memory, unit: words.ofMemory, color: 'c4' },
] as const

const percent = (value: number | null): string => formatShare(value === null ? null : value / 100)

/** C6: three small ones under one another. */
export function WorkerLoadCharts({ worker }: Props) {
  return (
    <div className="chart-multiples">
      {load.map(({ metric, title, unit, color }) => (
        <StatsChart
          key={metric}
          id={`worker-${metric}`}
          title={title}
          unit={unit}
          metrics={[{ metric, label: title, color, draw: 'area' }]}
          by="worker"
          of={worker}
          factor={100}
          least={100}
          format={percent}
          isSmall
          summary={(data) => {
            const { mean, most } = factsIn(data, metric)
            return words.loadSummary(formatShare(mean), formatShare(most))
          }}
        />
      ))}
      <StatsChart
        id="worker-loop"
        title={words.loop}
        unit={words.milliseconds}
        metrics={[{ metric: 'loopMs', label: words.loop, color: 'c2', draw: 'line' }]}
        by="worker"
        of={worker}
        format={formatMs}
        formatTick={formatRate}
        isSmall
        summary={(data) => {
          const { mean, most } = factsIn(data, 'loopMs')
          return words.loadSummary(formatMs(mean), formatMs(most))
        }}
      />
    </div>
  )
}

const outcomes: readonly MetricSeries[] = [
  { metric: 'ok', label: words.ok, color: 'completed' },
  { metric: 'error', label: words.error, color: 'failed' },
  { metric: 'timeout', label: words.timeout, color: 'warn' },
  { metric: 'cancelled', label: words.cancelled, color: 'cancelled' },
]

/** C7. */
export function WorkerOutcomesChart({ worker }: Props) {
  return (
    <StatsChart
      id="worker-outcomes"
      title={words.outcomes}
      unit={text.charts.perMinute}
      metrics={outcomes}
      kind="area"
      by="worker"
      of={worker}
      factor={60}
      summary={(data) =>
        words.outcomesSummary(
          formatCount(totalOf(data, 'ok')),
          formatCount(totalOf(data, 'error', 'timeout')),
        )
      }
    />
  )
}

/** C8, with the silence after which a worker is given up, where the balancer says it. */
export function HeartbeatChart({ worker }: Props) {
  const leaseMs = useFeedPart(({ feed }) => feed.balancer?.workerLeaseMs ?? null)
  return (
    <StatsChart
      id="worker-gap"
      title={words.gap}
      unit={words.gapUnit}
      metrics={[{ metric: 'gapMs', label: words.gap, color: 'c3', draw: 'area' }]}
      by="worker"
      of={worker}
      factor={0.001}
      limits={leaseMs ? [{ value: leaseMs / 1_000, label: words.lease }] : undefined}
      summary={(data) => words.gapSummary(formatDuration(factsIn(data, 'gapMs').most))}
    />
  )
}
