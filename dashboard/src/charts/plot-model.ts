/**
 * What a plot draws, worked out from columns: rows for the drawing library, the value axis, markers by bucket. Pure.
 * Invariant: a value of the newest bucket that is not over yet stands in a column of its own (`p0` beside `c0`),
 * joined to the last whole one, so that it can be drawn dashed.
 */
import type { StatsMarker } from '@berth/protocol'
import { logTicks, valueTicks } from './axis.ts'
import type { ChartData, Value } from './chart-data.ts'

export type SeriesColor =
  | 'used'
  | 'free'
  | 'maintenance'
  | 'stalled'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'expired'
  | 'submitted'
  | 'total'
  | 'warn'
  | 'quiet'
  | 'other'
  | 'c1'
  | 'c2'
  | 'c3'
  | 'c4'
  | 'c5'
  | 'c6'
  | 'c7'
  | 'c8'

export interface ChartSeries {
  /** Of its column. */
  readonly key: string
  readonly label: string
  readonly color: SeriesColor
  /** Areas and bars are stacked, in their order; lines are not. */
  readonly draw: 'area' | 'line' | 'bar' | 'step'
  readonly isDashed?: boolean
  /** Not drawn until somebody switches it on. */
  readonly isOptional?: boolean
  readonly isHatched?: boolean
}

export type Row = Readonly<Record<string, number | null>>

export interface Plot {
  readonly rows: readonly Row[]
  readonly fromMs: number
  readonly toMs: number
  readonly yTicks: readonly number[]
  readonly yDomain: readonly [number, number]
  readonly hasPartial: boolean
}

export interface PlotTerms {
  readonly scale: 'linear' | 'log'
  /** From the stored value to the shown one. */
  readonly factor: number
  /** The axis has whole numbers only. */
  readonly isWhole: boolean
  /** Values that must be in view. */
  readonly limits: readonly number[]
  /** The upper end of the axis at least. */
  readonly least: number
  /** Of the value axis at most; 5 unless given. */
  readonly steps?: number | undefined
  /** The time axis; from the first bucket to the end of the last unless given. */
  readonly domain?: readonly [fromMs: number, toMs: number] | undefined
}

export const CURRENT = 'c'
export const PARTIAL = 'p'

export function makePlot(data: ChartData, series: readonly ChartSeries[], terms: PlotTerms): Plot {
  const { times, stepMs, partialMs } = data
  const shown = series.map(({ key }) => scaled(data.columns.get(key) ?? [], terms))
  const whole = times.filter((time) => time < partialMs).length
  const hasPartial = whole < times.length && whole > 0
  const rows = times.map((time, at) => {
    const row: Record<string, number | null> = { x: time + stepMs / 2 }
    shown.forEach((values, index) => {
      const value = values[at] ?? null
      const isBar = series[index]?.draw === 'bar'
      row[`${CURRENT}${index}`] = at < whole ? value : null
      row[`${PARTIAL}${index}`] = hasPartial && (at >= whole || (at === whole - 1 && !isBar)) ? value : null
    })
    return row
  })
  const [fromMs, toMs] = terms.domain ?? [times[0] ?? 0, (times.at(-1) ?? 0) + stepMs]
  return { rows, fromMs, toMs, hasPartial, ...axisOf(shown, series, terms) }
}

/** Zero has no place on a logarithmic axis: nothing was there. */
function scaled(values: readonly Value[], { factor, scale }: PlotTerms): Value[] {
  return values.map((value) => (value === null || (scale === 'log' && value <= 0) ? null : value * factor))
}

function axisOf(
  columns: readonly (readonly Value[])[],
  series: readonly ChartSeries[],
  { scale, isWhole, limits, least, steps }: PlotTerms,
): Pick<Plot, 'yTicks' | 'yDomain'> {
  const known = columns.flat().filter((value): value is number => value !== null)
  if (scale === 'log') {
    const all = [...known, ...limits]
    const ticks = all.length === 0 ? [0.001, 0.01, 0.1, 1] : logTicks(Math.min(...all), Math.max(...all))
    return { yTicks: ticks, yDomain: [ticks[0] ?? 0.001, ticks.at(-1) ?? 1] }
  }
  let most = Math.max(least, ...limits)
  const length = columns.reduce((longest, values) => Math.max(longest, values.length), 0)
  for (let at = 0; at < length; at++) {
    let stacked = 0
    columns.forEach((values, index) => {
      const value = values[at] ?? 0
      if (isStacked(series[index])) stacked += value
      else most = Math.max(most, value)
    })
    most = Math.max(most, stacked)
  }
  const ticks = valueTicks(most, isWhole, steps)
  return { yTicks: ticks, yDomain: [0, ticks.at(-1) ?? 1] }
}

function isStacked(series: ChartSeries | undefined): boolean {
  return series?.draw === 'area' || series?.draw === 'bar'
}

/** The bucket of an instant. */
export function bucketAt(data: ChartData, ms: number): number {
  const at = Math.floor((ms - (data.times[0] ?? 0)) / data.stepMs)
  return Math.min(data.times.length - 1, Math.max(0, at))
}

/** By the begin of their bucket. */
export function groupMarkers(data: ChartData): ReadonlyMap<number, readonly StatsMarker[]> {
  const endMs = (data.times.at(-1) ?? 0) + data.stepMs
  const grouped = new Map<number, StatsMarker[]>()
  for (const marker of data.markers) {
    const ms = Date.parse(marker.at)
    if (!(ms >= (data.times[0] ?? 0) && ms < endMs)) continue
    const time = data.times[bucketAt(data, ms)] ?? 0
    grouped.set(time, [...(grouped.get(time) ?? []), marker])
  }
  return grouped
}

/** How many buckets around each count: a single one that is above the other is chance. */
const AROUND = 2
/** Above is what is above by a twentieth. */
const CLEARLY = 1.05

function smooth(values: readonly Value[], at: number): Value {
  const near = values.slice(Math.max(0, at - AROUND), at + AROUND + 1).filter((value) => value !== null)
  return near.length === 0 || values[at] === null
    ? null
    : near.reduce((sum, value) => sum + value, 0) / near.length
}

/** Stretches in which one column is clearly above another, as instants. */
export function stretchesAbove(
  data: ChartData,
  upper: readonly Value[],
  lower: readonly Value[],
): { readonly fromMs: number; readonly toMs: number }[] {
  const found: { fromMs: number; toMs: number }[] = []
  data.times.forEach((time, at) => {
    const [a, b] = [smooth(upper, at), smooth(lower, at)]
    if (a === null || b === null || a <= b * CLEARLY) return
    const open = found.at(-1)
    if (open?.toMs === time) open.toMs = time + data.stepMs
    else found.push({ fromMs: time, toMs: time + data.stepMs })
  })
  return found
}
