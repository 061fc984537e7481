/** The fleet's charts, of one group when the page is narrowed to it: throughput (C1), slots (C2), wait and run (C3), waiting by group (C4). */
import { STATS_OTHER } from '@berth/protocol'
import { useMemo } from 'react'
import { useGroup } from '../shell/group.ts'
import { formatCount, formatDuration, formatRate } from '../text/format.ts'
import { text } from '../text/text.ts'
import { type ChartData, columnKey, factsOf, topColumns } from './chart-data.ts'
import type { ChartSeries, SeriesColor } from './plot-model.ts'
import { type MetricSeries, StatsChart, useChartData } from './stats-chart.tsx'
import { TimeChart } from './time-chart.tsx'
import { useStats } from './use-stats.ts'

const words = text.charts

/** Of the whole fleet, or of the group that the page shows. */
function useScope() {
  const { group } = useGroup()
  return group === null
    ? ({ by: 'fleet', of: undefined, unit: undefined } as const)
    : ({ by: 'group', of: group, unit: words.ofGroup(group) } as const)
}

/** What a column adds up to, from a rate a second. */
export function totalOf(data: ChartData, ...keys: readonly string[]): number | null {
  const totals = keys.map((key) => factsOf(data.columns.get(key) ?? [], data.stepMs).total)
  const known = totals.filter((total) => total !== null)
  return known.length === 0 ? null : known.reduce((sum, total) => sum + total, 0)
}

export const factsIn = (data: ChartData, key: string) => factsOf(data.columns.get(key) ?? [], data.stepMs)

const throughput: readonly MetricSeries[] = [
  { metric: 'completed', label: words.completed, color: 'completed', draw: 'area' },
  { metric: 'failed', label: words.failed, color: 'failed', draw: 'area' },
  { metric: 'expired', label: words.throughput.expired, color: 'expired', draw: 'area' },
  { metric: 'cancelled', label: words.throughput.cancelled, color: 'cancelled', draw: 'area' },
  { metric: 'submitted', label: words.submitted, color: 'submitted', draw: 'line' },
]

/** C1. */
export function ThroughputChart() {
  const { by, of, unit } = useScope()
  return (
    <StatsChart
      id="throughput"
      title={words.throughput.title}
      unit={unit ? `${words.perSecond} ${unit}` : words.perSecond}
      metrics={throughput}
      by={by}
      of={of}
      summary={(data) =>
        words.throughput.summary(
          formatCount(totalOf(data, 'submitted')),
          formatCount(totalOf(data, 'completed')),
          formatCount(totalOf(data, 'failed', 'expired')),
        )
      }
    />
  )
}

const slots: readonly MetricSeries[] = [
  { metric: 'slots.used', label: words.used, color: 'used', draw: 'area' },
  { metric: 'slots.free', label: words.free, color: 'free', draw: 'area' },
  { metric: 'slots.maintenance', label: words.maintenance, color: 'maintenance', draw: 'area' },
  { metric: 'slots.stalled', label: words.stalled, color: 'stalled', draw: 'area' },
  { metric: 'slots.limit', label: words.slotsChart.total, color: 'total', draw: 'step' },
]

/** C2. */
export function SlotsChart() {
  const { by, of, unit } = useScope()
  return (
    <StatsChart
      id="slots"
      title={words.slotsChart.title}
      unit={unit ?? words.ofFleet}
      metrics={slots}
      by={by}
      of={of}
      isWhole
      summary={(data) => {
        const used = factsIn(data, 'slots.used')
        const all = factsIn(data, 'slots.limit')
        return words.slotsChart.summary(formatRate(used.mean), formatRate(used.most), formatCount(all.last))
      }}
    />
  )
}

const waitRun: readonly MetricSeries[] = [
  { metric: 'queueMs.p50', label: words.waitRun.wait('p50'), color: 'c5', isOptional: true },
  { metric: 'queueMs.p95', label: words.waitRun.wait('p95'), color: 'c2' },
  { metric: 'queueMs.p99', label: words.waitRun.wait('p99'), color: 'c7', isOptional: true },
  { metric: 'runMs.p50', label: words.waitRun.run('p50'), color: 'c6', isOptional: true },
  { metric: 'runMs.p95', label: words.waitRun.run('p95'), color: 'c1' },
  { metric: 'runMs.p99', label: words.waitRun.run('p99'), color: 'c4', isOptional: true },
  { metric: 'oldestMs', label: words.waitRun.oldest, color: 'total', isDashed: true },
]

/** Seconds in words: below one in milliseconds. */
export const formatSpan = (seconds: number | null): string =>
  seconds === null ? text.unknown : formatDuration(seconds * 1_000)

/** Powers of ten: "100 s" is as short as "100 ms", "1 min 40 s" is not. */
const formatSpanTick = (seconds: number | null): string =>
  seconds === null || seconds < 1 ? formatSpan(seconds) : text.kit.units.seconds(formatRate(seconds))

interface WaitRunProps {
  /** Of a function; of the fleet or the page's group without it. */
  readonly of?: { readonly group: string; readonly function: string }
}

/** C3. */
export function WaitRunChart({ of }: WaitRunProps) {
  const scope = useScope()
  return (
    <StatsChart
      id={of ? 'wait-run-function' : 'wait-run'}
      title={words.waitRun.title}
      unit={of || !scope.unit ? words.seconds : `${words.seconds}, ${scope.unit}`}
      metrics={waitRun}
      by={of ? 'function' : scope.by}
      of={of ? `${of.group}/${of.function}` : scope.of}
      scale="log"
      factor={0.001}
      format={formatSpan}
      formatTick={formatSpanTick}
      summary={(data) =>
        words.waitRun.summary(
          formatDuration(factsIn(data, 'queueMs.p95').most),
          formatDuration(factsIn(data, 'runMs.p95').most),
        )
      }
    />
  )
}

const GROUPS = 8
const COLORS: readonly SeriesColor[] = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8']

/** C4. */
export function WaitingByGroupChart() {
  const stats = useStats({ metrics: ['waiting'], by: 'group' })
  const all = useChartData(stats)
  const data = useMemo(
    () => all && { ...all, columns: topColumns(all.columns, GROUPS, columnKey('waiting', STATS_OTHER)) },
    [all],
  )
  const series = useMemo(() => [...(data?.columns.keys() ?? [])].map(seriesOfGroup), [data])
  return (
    <TimeChart
      id="waiting-by-group"
      title={words.waiting.title}
      unit={words.tasks}
      data={data}
      series={series}
      isWhole
      summary={(shown) => {
        const [first] = series
          .map(({ key, label }) => ({ label, most: factsIn(shown, key).most ?? 0 }))
          .sort((a, b) => b.most - a.most)
        return first && first.most > 0
          ? words.waiting.summary(formatRate(first.most), first.label)
          : words.waiting.none
      }}
      error={stats.error}
      domain={stats.domain}
      onRetry={stats.refetch}
    />
  )
}

function seriesOfGroup(key: string, at: number): ChartSeries {
  const group = key.slice('waiting '.length)
  const isOther = group === STATS_OTHER
  return {
    key,
    label: isOther ? words.other : group,
    color: isOther ? 'other' : (COLORS[at % COLORS.length] ?? 'c1'),
    draw: 'line',
    isDashed: isOther || at >= 4,
  }
}
