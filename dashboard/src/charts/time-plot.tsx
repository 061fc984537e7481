/**
 * The drawing of a time chart by Recharts: axes, areas, lines, bars and steps. Loaded apart from the pages. It knows
 * nothing of the pointer: what follows that is laid over it (plot-overlay.tsx), so that a moving pointer draws none
 * of this again.
 */
import { memo } from 'react'
import {
  Area,
  Bar,
  CartesianGrid,
  ComposedChart,
  type DotItemDotProps,
  Line,
  ReferenceLine,
  XAxis,
  YAxis,
} from 'recharts'
import type { Zone } from '../shell/zone.ts'
import { formatTick, haveSeconds, timeTicks } from './axis.ts'
import { PLOT_EDGES } from './plot-edges.ts'
import { type ChartSeries, CURRENT, PARTIAL, type Plot, type Row, type SeriesColor } from './plot-model.ts'

export interface TimePlotProps {
  readonly plot: Plot
  readonly series: readonly ChartSeries[]
  readonly scale: 'linear' | 'log'
  readonly zone: Zone
  readonly width: number
  readonly height: number
  format(value: number): string
  readonly limits: readonly { readonly value: number; readonly label: string }[]
}

const margin = { top: PLOT_EDGES.top, right: PLOT_EDGES.right, bottom: 0, left: 0 }
/** What a mark of the time axis needs. */
const TICK_WIDTH = 78

export const TimePlot = memo(function TimePlot(props: TimePlotProps) {
  const { plot, series, scale, zone, width, height, format, limits } = props
  const inner = Math.max(1, width - PLOT_EDGES.left - PLOT_EDGES.right)
  const barSize = Math.max(1, (inner / Math.max(1, plot.rows.length)) * 0.8)
  const ticks = timeTicks(plot.fromMs, plot.toMs, zone, Math.max(3, Math.floor(inner / TICK_WIDTH)))
  const spanMs = plot.toMs - plot.fromMs
  const hasSeconds = haveSeconds(ticks)
  return (
    <ComposedChart
      width={width}
      height={height}
      data={[...plot.rows]}
      margin={margin}
      barCategoryGap={0}
      barGap={-barSize}
      accessibilityLayer={false}
    >
      <CartesianGrid vertical={false} />
      <XAxis
        dataKey="x"
        type="number"
        scale="linear"
        domain={[plot.fromMs, plot.toMs]}
        allowDataOverflow
        ticks={ticks}
        interval={0}
        tickFormatter={(ms: number) => formatTick(ms, spanMs, zone, hasSeconds)}
        tickLine={false}
        axisLine={false}
        height={PLOT_EDGES.bottom}
      />
      <YAxis
        width={PLOT_EDGES.left}
        type="number"
        scale={scale}
        domain={[...plot.yDomain]}
        ticks={[...plot.yTicks]}
        interval={0}
        allowDataOverflow
        tickFormatter={(value: number) => unbroken(format(value))}
        tickLine={false}
        axisLine={false}
      />
      {limits.map(({ value, label }) => (
        <ReferenceLine
          key={label}
          y={value}
          className="chart-limit"
          label={{ value: label, position: 'insideTopRight' }}
        />
      ))}
      {series.map((one, index) => shapeOf(one, `${CURRENT}${index}`, CURRENT, plot.rows, barSize))}
      {plot.hasPartial &&
        series.map((one, index) => shapeOf(one, `${PARTIAL}${index}`, PARTIAL, plot.rows, barSize))}
    </ComposedChart>
  )
})

/** The library would break a mark where it has a space. */
function unbroken(words: string): string {
  return words.replaceAll(' ', '\u00a0')
}

function shapeOf(one: ChartSeries, dataKey: string, stack: string, rows: readonly Row[], barSize: number) {
  const classes = [
    'series',
    `series-${one.color}`,
    stack === PARTIAL && 'series-partial',
    one.isDashed && 'series-dashed',
    one.isHatched && 'series-hatched',
  ]
  const shared = { dataKey, className: classes.filter(Boolean).join(' '), isAnimationActive: false } as const
  if (one.draw === 'bar') return <Bar key={dataKey} {...shared} stackId={stack} barSize={barSize} />
  const line = {
    ...shared,
    type: one.draw === 'step' ? ('step' as const) : ('linear' as const),
    connectNulls: false,
    activeDot: false as const,
  }
  if (one.draw === 'area') return <Area key={dataKey} {...line} stackId={stack} dot={false} />
  return <Line key={dataKey} {...line} dot={lonelyDot(rows, dataKey, one.color)} />
}

/** A value between two gaps is no line: it is drawn as a dot. */
function lonelyDot(rows: readonly Row[], dataKey: string, color: SeriesColor) {
  return ({ cx, cy, index, key }: DotItemDotProps) => {
    const isKnown = (at: number) => (rows[at]?.[dataKey] ?? null) !== null
    const at = index ?? -1
    if (!isKnown(at) || isKnown(at - 1) || isKnown(at + 1) || cx === undefined || cy === undefined)
      return <g key={key} />
    return <circle key={key} className={`series-dot series-${color}`} cx={cx} cy={cy} r={2} />
  }
}
