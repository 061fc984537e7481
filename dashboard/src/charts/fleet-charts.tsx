/**
 * Slots and throughput of the fleet over the last 1, 5 or 15 minutes (Recharts, loaded apart from
 * the page). Drawn again when a new second arrives, not with every message.
 */
import { memo, useMemo } from 'react'
import {
  Area,
  CartesianGrid,
  ComposedChart,
  Line,
  ResponsiveContainer,
  Tooltip,
  XAxis,
  YAxis,
} from 'recharts'
import { useFeed, useFeedClient } from '../feed/use-feed.tsx'
import { usePreference } from '../kit/preference.ts'
import { formatClock, formatCount, formatMinute, formatRate } from '../text/format.ts'
import { text } from '../text/text.ts'
import { ChartPanel, type Series } from './chart-panel.tsx'
import { type ChartPoint, mergePoints, RANGES, type Range, summarise } from './merge-points.ts'

const slotSeries: readonly Series[] = [
  { key: 'used', name: text.charts.used, kind: 'area' },
  { key: 'free', name: text.charts.free, kind: 'area' },
  { key: 'maintenance', name: text.charts.maintenance, kind: 'area' },
  { key: 'stalled', name: text.charts.stalled, kind: 'area' },
]

const throughputSeries: readonly Series[] = [
  { key: 'completed', name: text.charts.completed, kind: 'area' },
  { key: 'failed', name: text.charts.failed, kind: 'area' },
  { key: 'submitted', name: text.charts.submitted, kind: 'line' },
]

export function FleetCharts() {
  const { feed } = useFeed()
  const client = useFeedClient()
  const [range, setRange] = usePreference<Range>('chart-range', RANGES, '5')
  const minutes = Number(range)
  const { points, facts } = useMemo(() => {
    // The newest second the server has sent is its incomplete one only while it lasts.
    const nowSeconds = client.serverNowMs() / 1_000
    return {
      points: mergePoints(feed.points, minutes * 60, nowSeconds),
      facts: summarise(feed.points, minutes * 60, nowSeconds),
    }
  }, [feed.points, minutes, client])
  return (
    <section aria-label={text.charts.label}>
      <div className="charts-head">
        <RangeSwitch range={range} onChange={setRange} />
      </div>
      <div className="charts">
        <ChartPanel
          name="slots"
          title={text.charts.slotsTitle}
          unit={text.charts.slotsUnit}
          minutes={minutes}
          series={slotSeries}
          points={points}
          summary={text.charts.slotsSummary(
            minutes,
            formatRate(facts.meanUsed),
            formatCount(facts.mostUsed),
            formatCount(facts.limitNow),
          )}
          draw={(shown) => <Drawing points={points} series={shown} />}
        />
        <ChartPanel
          name="throughput"
          title={text.charts.throughputTitle}
          unit={text.charts.perSecond}
          minutes={minutes}
          series={throughputSeries}
          points={points}
          summary={text.charts.throughputSummary(
            minutes,
            formatCount(facts.completed),
            formatCount(facts.failed),
            formatCount(facts.submitted),
          )}
          draw={(shown) => <Drawing points={points} series={shown} />}
        />
      </div>
    </section>
  )
}

function RangeSwitch({ range, onChange }: { range: Range; onChange: (range: Range) => void }) {
  return (
    <fieldset className="segmented">
      <legend className="only-heard">{text.charts.range}</legend>
      {RANGES.map((one) => (
        <label key={one}>
          <input type="radio" name="chart-range" checked={one === range} onChange={() => onChange(one)} />
          <span>{text.charts.minutes(Number(one))}</span>
        </label>
      ))}
    </fieldset>
  )
}

interface DrawingProps {
  readonly points: readonly ChartPoint[]
  readonly series: readonly Series[]
}

const Drawing = memo(function Drawing({ points, series }: DrawingProps) {
  return (
    <ResponsiveContainer width="100%" height="100%">
      <ComposedChart
        data={[...points]}
        margin={{ top: 6, right: 16, bottom: 0, left: 0 }}
        accessibilityLayer={false}
      >
        <CartesianGrid vertical={false} />
        <XAxis
          dataKey="t"
          type="number"
          domain={['dataMin', 'dataMax']}
          ticks={ticksOf(points)}
          tickFormatter={isLong(points) ? formatMinute : formatClock}
          tickLine={false}
          axisLine={false}
          height={20}
          interval="equidistantPreserveStart"
          minTickGap={10}
        />
        <YAxis
          width={36}
          tickLine={false}
          axisLine={false}
          allowDecimals={false}
          domain={[0, 'auto']}
          tickFormatter={formatRate}
        />
        <Tooltip
          isAnimationActive={false}
          content={<Reading series={series} />}
          cursor={{ className: 'chart-cursor' }}
        />
        {series.map((one) =>
          one.kind === 'area' ? (
            <Area
              key={one.key}
              className={`series series-${one.key}`}
              dataKey={one.key}
              stackId="stack"
              type="linear"
              isAnimationActive={false}
              connectNulls={false}
              dot={false}
              activeDot={false}
            />
          ) : (
            <Line
              key={one.key}
              className={`series series-${one.key}`}
              dataKey={one.key}
              type="linear"
              isAnimationActive={false}
              connectNulls={false}
              dot={false}
              activeDot={false}
            />
          ),
        )}
      </ComposedChart>
    </ResponsiveContainer>
  )
})

/** Marks on whole minutes need no seconds. */
function isLong(points: readonly ChartPoint[]): boolean {
  return (points.at(-1)?.t ?? 0) - (points[0]?.t ?? 0) >= 120
}

/** Four or five marks on round instants. */
function ticksOf(points: readonly ChartPoint[]): number[] {
  const first = points[0]?.t
  const last = points.at(-1)?.t
  if (first === undefined || last === undefined) return []
  const every = [15, 60, 180].find((step) => (last - first) / step <= 5) ?? 300
  const ticks: number[] = []
  for (let t = Math.ceil(first / every) * every; t <= last; t += every) ticks.push(t)
  return ticks
}

interface ReadingProps extends Pick<DrawingProps, 'series'> {
  readonly active?: boolean
  readonly label?: string | number
  readonly payload?: readonly { readonly payload?: ChartPoint }[]
}

/** The figures under the pointer. */
function Reading({ active, label, payload, series }: ReadingProps) {
  const point = payload?.[0]?.payload
  if (!active || !point) return null
  return (
    <div className="chart-reading">
      <strong>{formatClock(Number(label))}</strong>
      {series.map((one) => (
        <span key={one.key}>
          <span className={`swatch swatch-${one.kind} series-${one.key}`} />
          {one.name}
          <b>{formatRate(point[one.key])}</b>
        </span>
      ))}
    </div>
  )
}
