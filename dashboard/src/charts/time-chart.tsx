/**
 * A chart over time: the frame, the drawing (loaded apart, and drawn when it is its turn), and what lies over it.
 * Gets its figures from whoever uses it; `stats-chart.tsx` reads them of the balancer.
 */
import { lazy, type ReactNode, Suspense, useMemo } from 'react'
import { ErrorState } from '../kit/states.tsx'
import { useRange } from '../shell/range.ts'
import { useZone } from '../shell/zone.ts'
import { formatRate } from '../text/format.ts'
import { text } from '../text/text.ts'
import type { ChartData } from './chart-data.ts'
import { ChartFrame } from './chart-frame.tsx'
import { type ChartSeries, makePlot } from './plot-model.ts'
import { PlotOverlay } from './plot-overlay.tsx'
import { useSize } from './use-size.ts'
import { useTurn } from './use-turn.ts'

let code: Promise<{ default: typeof import('./time-plot.tsx').TimePlot }> | undefined
const loadPlot = () => {
  code ??= import('./time-plot.tsx').then(({ TimePlot: it }) => ({ default: it }))
  return code
}
const TimePlot = lazy(loadPlot)

export interface TimeChartProps {
  /** Unique on the page; under it the legend is remembered. */
  readonly id: string
  readonly title: string
  readonly unit?: ReactNode
  /** One sentence, from what is known. */
  summary(data: ChartData): string
  /** Undefined while it is read. */
  readonly data: ChartData | undefined
  readonly series: readonly ChartSeries[]
  readonly scale?: 'linear' | 'log'
  /** From the figures to what is shown: 0.001 makes seconds of milliseconds. */
  readonly factor?: number
  /** A shown value in words; at most one decimal unless given. */
  format?(value: number | null): string
  /** The same at the axis, where room is short. */
  formatTick?(value: number): string
  /** The axis counts things. */
  readonly isWhole?: boolean
  /** The axis reaches so far at least. */
  readonly least?: number
  /** Lines at values that mean something, such as a lease. */
  readonly limits?: readonly { readonly value: number; readonly label: string }[]
  /** Stretches of time that are shaded. */
  readonly stretches?: readonly { readonly fromMs: number; readonly toMs: number }[]
  /** What happened is marked; true unless given. */
  readonly markers?: boolean
  /** A range that is drawn over it becomes the range of the page; true unless given. */
  readonly zooms?: boolean
  /** The time axis, so that all charts of a page have one; as the figures reach unless given. */
  readonly domain?: readonly [fromMs: number, toMs: number] | undefined
  readonly isSmall?: boolean
  readonly actions?: ReactNode
  readonly error?: Error | null
  onRetry?(): void
}

const NONE: readonly never[] = []

export function TimeChart(props: TimeChartProps) {
  const { id, title, unit, data, series, factor = 1, format = formatRate, isSmall, actions } = props
  const [zone] = useZone()
  const isEmpty = data !== undefined && !series.some(({ key }) => isKnown(data.columns.get(key)))
  const formatStored = (value: number | null) => format(value === null ? null : value * factor)
  const summary = data === undefined ? '' : isEmpty ? text.charts.noData : props.summary(data)
  return (
    <ChartFrame
      id={id}
      title={title}
      unit={unit}
      summary={summary}
      data={data}
      series={series}
      zone={zone}
      actions={actions}
      isSmall={isSmall}
      isWords={Boolean(props.error)}
      format={formatStored}
      toNumber={(value) => value * factor}
      draw={(shown) => <Drawing {...props} shown={shown} formatStored={formatStored} />}
    />
  )
}

function isKnown(values: readonly (number | null)[] | undefined): boolean {
  return values?.some((value) => value !== null) ?? false
}

interface DrawingProps extends TimeChartProps {
  readonly shown: readonly ChartSeries[]
  formatStored(value: number | null): string
}

function Drawing(props: DrawingProps) {
  const { id, data, shown, scale = 'linear', factor = 1, isWhole = false, least = 0 } = props
  const {
    limits = NONE,
    stretches = NONE,
    markers = true,
    zooms = true,
    error,
    onRetry,
    domain,
    isSmall,
  } = props
  const { format = formatRate, formatTick = format } = props
  const [zone] = useZone()
  const range = useRange()
  const { ref, width, height } = useSize<HTMLDivElement>()
  const hasTurn = useTurn(data !== undefined && data.times.length > 0 && width > 0, loadPlot)
  const plot = useMemo(
    () =>
      hasTurn &&
      data &&
      makePlot(data, shown, {
        scale,
        factor,
        isWhole,
        least,
        limits: limits.map((one) => one.value),
        domain,
        steps: isSmall ? 2 : undefined,
      }),
    [hasTurn, data, shown, scale, factor, isWhole, least, limits, domain, isSmall],
  )
  if (error) return <ErrorState error={error} onRetry={onRetry} />
  return (
    <div className="plot" ref={ref}>
      {plot && data && data.times.length > 0 && width > 0 ? (
        <>
          <Suspense fallback={<span className="plot-bone bone" />}>
            <TimePlot
              plot={plot}
              series={shown}
              scale={scale}
              zone={zone}
              width={width}
              height={height}
              format={formatTick}
              limits={limits}
            />
          </Suspense>
          <PlotOverlay
            id={id}
            fromMs={plot.fromMs}
            toMs={plot.toMs}
            data={data}
            series={shown}
            zone={zone}
            stretches={stretches}
            hasMarkers={markers}
            format={props.formatStored}
            onZoom={zooms ? (fromMs, toMs) => range.set({ fromMs, toMs }) : undefined}
          />
        </>
      ) : (
        <span className="plot-bone bone" />
      )}
    </div>
  )
}
