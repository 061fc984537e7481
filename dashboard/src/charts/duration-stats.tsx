/** How long runs of a function took, over time (C13): a heat map of its histograms, the last 24 hours unless told. */
import { bucketEdgeMs, HISTOGRAM, type StatsAnswer } from '@berth/protocol'
import { useMemo } from 'react'
import { ErrorState } from '../kit/states.tsx'
import { useZone } from '../shell/zone.ts'
import { formatCount, formatDuration } from '../text/format.ts'
import { text } from '../text/text.ts'
import { type ChartData, toChartData } from './chart-data.ts'
import { ChartFrame } from './chart-frame.tsx'
import { type HeatCells, HeatMap } from './heat-map.tsx'
import type { ChartSeries } from './plot-model.ts'
import { useStats } from './use-stats.ts'

const words = text.charts.durations
const DAY_MS = 24 * 3_600_000
const STEP_MS = 600_000

interface Props {
  readonly group: string
  readonly function: string
  /** Null: the range of the page; 24 hours unless given. */
  readonly spanMs?: number | null
}

export function DurationHeatMap({ group, function: name, spanMs = DAY_MS }: Props) {
  const [zone] = useZone()
  const stats = useStats({
    metrics: ['runMs.histogram'],
    by: 'function',
    of: `${group}/${name}`,
    spanMs: spanMs ?? undefined,
    stepMs: spanMs === DAY_MS ? STEP_MS : undefined,
  })
  const heat = useMemo(() => stats.answer && toHeat(stats.answer), [stats.answer])
  return (
    <ChartFrame
      id="durations"
      title={words.title}
      unit={words.unit}
      summary={heat ? heat.summary : ''}
      data={heat?.data}
      series={heat?.series ?? NONE}
      zone={zone}
      hasLegend={false}
      isWords={stats.error !== null}
      format={formatCount}
      toNumber={(value) => value}
      draw={() =>
        stats.error ? (
          <ErrorState error={stats.error} onRetry={stats.refetch} />
        ) : heat ? (
          <HeatMap
            cells={heat.cells}
            zone={zone}
            edges={heat.edges}
            formatEdge={formatDuration}
            describe={(count, from, to) =>
              words.cell(formatCount(count), formatDuration(from), formatDuration(to))
            }
          />
        ) : (
          <span className="plot-bone bone" />
        )
      }
    />
  )
}

const NONE: readonly never[] = []
/** A decade of its own at least above and below, so that two equal durations are no wall. */
const LEAST_ROWS = 2 * HISTOGRAM.perDecade

export interface Heat {
  readonly cells: HeatCells
  /** Of the rows that are shown, in milliseconds. */
  readonly edges: readonly number[]
  /** For the table: a column each half decade. */
  readonly data: ChartData
  readonly series: readonly ChartSeries[]
  readonly summary: string
}

export function toHeat(answer: StatsAnswer): Heat {
  const data = toChartData({ ...answer, series: [] })
  const values = answer.series[0]?.values ?? []
  const columns = data.times.map((_, at) => {
    const value = values[at]
    return Array.isArray(value) ? value : null
  })
  const sums = Array.from({ length: HISTOGRAM.buckets }, (_, row) =>
    columns.reduce((sum, column) => sum + (column?.[row] ?? 0), 0),
  )
  const [first, last] = rowsIn(sums)
  const edges = Array.from({ length: last - first + 1 }, (_, at) => bucketEdgeMs(first + at))
  const cells = {
    times: data.times,
    stepMs: data.stepMs,
    columns: columns.map((column) => column?.slice(first, last) ?? null),
  }
  return { cells, edges, ...tableOf(data, columns, first, last), summary: summaryOf(sums) }
}

/** Rows in which anything is, in whole decades. */
function rowsIn(sums: readonly number[]): readonly [first: number, last: number] {
  const { perDecade, buckets } = HISTOGRAM
  const low = sums.findIndex((sum) => sum > 0)
  if (low < 0) return [perDecade, 5 * perDecade]
  const high = sums.findLastIndex((sum) => sum > 0)
  const first = Math.floor(low / perDecade) * perDecade
  const last = Math.min(buckets, Math.max(first + LEAST_ROWS, Math.ceil((high + 1) / perDecade) * perDecade))
  return [first, last]
}

function summaryOf(sums: readonly number[]): string {
  const all = sums.reduce((sum, count) => sum + count, 0)
  if (all === 0) return text.charts.noData
  const usual = sums.indexOf(Math.max(...sums))
  const [from, to] = [bucketEdgeMs(usual), bucketEdgeMs(usual + 1)].map(formatDuration)
  return words.summary(formatCount(all), `${from} – ${to}`)
}

function tableOf(
  data: ChartData,
  columns: readonly (readonly number[] | null)[],
  first: number,
  last: number,
): Pick<Heat, 'data' | 'series'> {
  const width = HISTOGRAM.perDecade / 2
  const starts: number[] = []
  for (let row = first; row < last; row += width) starts.push(row)
  const series = starts.map(
    (row): ChartSeries => ({
      key: String(row),
      label: `${formatDuration(bucketEdgeMs(row))} – ${formatDuration(bucketEdgeMs(row + width))}`,
      color: 'c1',
      draw: 'bar',
    }),
  )
  const table = starts.map((row) => {
    const counts = columns.map((column) =>
      column === null ? null : column.slice(row, row + width).reduce((sum, count) => sum + count, 0),
    )
    return [String(row), counts] as const
  })
  return { data: { ...data, columns: new Map(table) }, series }
}
