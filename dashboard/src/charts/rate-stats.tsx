/** Arrivals and completions (C10), and log lines by level (C17). */
import { useMemo } from 'react'
import { useRange } from '../shell/range.ts'
import { formatCount, formatRate } from '../text/format.ts'
import { text } from '../text/text.ts'
import { type ChartData, sumColumns } from './chart-data.ts'
import { factsIn, totalOf } from './fleet-stats.tsx'
import { type ChartSeries, stretchesAbove } from './plot-model.ts'
import { type MetricSeries, StatsChart, useChartData } from './stats-chart.tsx'
import { TimeChart } from './time-chart.tsx'
import { useStats } from './use-stats.ts'

const words = text.charts.rates
const ENDS = ['completed', 'failed', 'cancelled', 'expired'] as const

const rates: readonly ChartSeries[] = [
  { key: 'submitted', label: words.arrivals, color: 'c2', draw: 'line' },
  { key: 'ended', label: words.ended, color: 'completed', draw: 'line' },
]

interface RatesProps {
  readonly group?: string | null
  /** Of that group. */
  readonly function?: string | null
}

/** C10. Of the fleet, of a group, or of a function. */
export function ArrivalChart({ group, function: name }: RatesProps) {
  const by = group ? (name ? 'function' : 'group') : 'fleet'
  const of = group ? (name ? `${group}/${name}` : group) : undefined
  const stats = useStats({ metrics: ['submitted', ...ENDS], by, of })
  const all = useChartData(stats, of)
  const data = useMemo(() => all && withEnds(all), [all])
  const stretches = useMemo(
    () => data && stretchesAbove(data, data.columns.get('submitted') ?? [], data.columns.get('ended') ?? []),
    [data],
  )
  return (
    <TimeChart
      id="arrivals"
      title={words.title}
      unit={of ? `${text.charts.perSecond}, ${of}` : text.charts.perSecond}
      data={data}
      series={rates}
      stretches={stretches}
      summary={(shown) =>
        words.summary(formatRate(factsIn(shown, 'submitted').mean), formatRate(factsIn(shown, 'ended').mean))
      }
      error={stats.error}
      domain={stats.domain}
      onRetry={stats.refetch}
    />
  )
}

function withEnds(data: ChartData): ChartData {
  const ended = sumColumns(ENDS.map((metric) => data.columns.get(metric) ?? []))
  return { ...data, columns: new Map([...data.columns, ['ended', ended]]) }
}

const lines: readonly MetricSeries[] = [
  { metric: 'logs.error', label: text.charts.logs.error, color: 'failed' },
  { metric: 'logs.warn', label: text.charts.logs.warn, color: 'warn' },
  { metric: 'logs.info', label: text.charts.logs.info, color: 'used' },
  { metric: 'logs.debug', label: text.charts.logs.debug, color: 'quiet' },
  { metric: 'logs.dropped', label: text.charts.logs.dropped, color: 'other', isHatched: true },
]
const BARS = 60

/** C17. `spanMs`: instead of the page's range. */
export function LogVolumeChart({ spanMs }: { spanMs?: number }) {
  const { fromMs, toMs } = useRange()
  return (
    <StatsChart
      id="log-volume"
      title={text.charts.logs.title}
      unit={text.charts.logs.unit}
      metrics={lines}
      kind="bar"
      spanMs={spanMs}
      stepMs={(spanMs ?? toMs - fromMs) / BARS}
      summary={(data) =>
        text.charts.logs.summary(
          formatCount(totalOf(data, 'logs.error', 'logs.warn', 'logs.info', 'logs.debug')),
          formatCount(totalOf(data, 'logs.error')),
          formatCount(totalOf(data, 'logs.dropped')),
        )
      }
    />
  )
}
