/**
 * A chart of figures that the balancer keeps (`GET /stats`), over the range of the page: metrics as series, each
 * with its words and colour. The ready charts (C1 …) are made of it.
 */
import type { StatsBy, StatsMetric } from '@berth/protocol'
import { useMemo } from 'react'
import { type ChartData, toChartData } from './chart-data.ts'
import type { ChartSeries, SeriesColor } from './plot-model.ts'
import { TimeChart, type TimeChartProps } from './time-chart.tsx'
import { type Stats, useStats } from './use-stats.ts'

export interface MetricSeries extends Omit<ChartSeries, 'key' | 'draw' | 'color'> {
  readonly metric: StatsMetric
  readonly color?: SeriesColor
  readonly draw?: ChartSeries['draw']
}

export interface StatsChartProps
  extends Omit<TimeChartProps, 'data' | 'series' | 'summary' | 'error' | 'onRetry'> {
  readonly metrics: readonly MetricSeries[]
  readonly by?: StatsBy
  readonly of?: string | undefined
  /** How series are drawn that do not say so; lines unless given. */
  readonly kind?: ChartSeries['draw']
  readonly spanMs?: number
  readonly stepMs?: number
  summary?(data: ChartData): string
}

const COLORS: readonly SeriesColor[] = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8']

export function StatsChart(props: StatsChartProps) {
  const { metrics, by, of, kind = 'line', spanMs, stepMs, summary = () => '', ...rest } = props
  const stats = useStats({ metrics: metrics.map(({ metric }) => metric), by, of, spanMs, stepMs })
  const data = useChartData(stats, of)
  const series = useMemo(
    () =>
      metrics.map(
        ({ metric, color, draw, ...one }, at): ChartSeries => ({
          ...one,
          key: metric,
          color: color ?? COLORS[at % COLORS.length] ?? 'c1',
          draw: draw ?? kind,
        }),
      ),
    [metrics, kind],
  )
  return (
    <TimeChart
      {...rest}
      summary={summary}
      data={data}
      series={series}
      error={stats.error}
      domain={stats.domain}
      onRetry={stats.refetch}
    />
  )
}

/** An answer as columns; of one key their names are those of the metrics alone. */
export function useChartData({ answer }: Stats, of?: string | undefined): ChartData | undefined {
  return useMemo(() => {
    if (!answer) return undefined
    const series = of === undefined ? answer.series : answer.series.map((one) => ({ ...one, of: '' }))
    return toChartData({ ...answer, series })
  }, [answer, of])
}
