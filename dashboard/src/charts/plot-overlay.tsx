/**
 * What lies over a plot and follows the pointer: the crosshair that all charts of the page share, the figures under
 * it, markers of what happened, shaded stretches, and the range that is drawn with the pointer. Everything here is
 * also in the chart's table, so that it is hidden from assistive technology.
 */
import type { StatsMarker } from '@berth/protocol'
import { type PointerEvent, useEffect, useRef, useState } from 'react'
import type { Zone } from '../shell/zone.ts'
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { formatBucket } from './axis.ts'
import type { ChartData } from './chart-data.ts'
import { pointAt, usePointed } from './crosshair.ts'
import { PLOT_EDGES } from './plot-edges.ts'
import { bucketAt, type ChartSeries, groupMarkers } from './plot-model.ts'

interface Props {
  readonly id: string
  readonly data: ChartData
  readonly series: readonly ChartSeries[]
  readonly zone: Zone
  /** Of the time axis. */
  readonly fromMs: number
  readonly toMs: number
  readonly stretches: readonly { readonly fromMs: number; readonly toMs: number }[]
  readonly hasMarkers: boolean
  format(value: number | null): string
  onZoom?(fromMs: number, toMs: number): void
}

/** A shorter pull is a click. */
const LEAST_PIXELS = 6

export function PlotOverlay(props: Props) {
  const { id, data, fromMs, toMs, stretches, hasMarkers, onZoom } = props
  const box = useRef<HTMLDivElement>(null)
  const [drag, setDrag] = useState<{ readonly startMs: number; readonly endMs: number } | null>(null)
  const spanMs = Math.max(1, toMs - fromMs)
  const leftOf = (ms: number) => `${((Math.min(toMs, Math.max(fromMs, ms)) - fromMs) / spanMs) * 100}%`
  const msAt = (event: PointerEvent) => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    return fromMs + Math.min(1, Math.max(0, (event.clientX - left) / Math.max(1, width))) * spanMs
  }
  useEffect(() => () => pointAt(null), [])
  const finish = () => {
    if (drag && onZoom) {
      const [low, high] = [Math.min(drag.startMs, drag.endMs), Math.max(drag.startMs, drag.endMs)]
      const width = box.current?.getBoundingClientRect().width ?? 0
      const isPull = ((high - low) / spanMs) * width >= LEAST_PIXELS
      const [first, last] = [bucketAt(data, low), bucketAt(data, high)]
      if (isPull) onZoom(data.times[first] ?? low, (data.times[last] ?? high) + data.stepMs)
    }
    setDrag(null)
  }
  return (
    <div
      ref={box}
      className="plot-overlay"
      data-zooms={onZoom ? '' : undefined}
      style={{
        top: PLOT_EDGES.top,
        right: PLOT_EDGES.right,
        bottom: PLOT_EDGES.bottom,
        left: PLOT_EDGES.left,
      }}
      onPointerDown={(event) => {
        if (event.button !== 0 || !onZoom || event.pointerType === 'touch') return
        event.currentTarget.setPointerCapture?.(event.pointerId)
        const ms = msAt(event)
        setDrag({ startMs: ms, endMs: ms })
      }}
      onPointerMove={(event) => {
        const ms = msAt(event)
        pointAt({ ms, chart: id })
        if (drag) setDrag({ ...drag, endMs: ms })
      }}
      onPointerUp={finish}
      onPointerCancel={() => setDrag(null)}
      onPointerLeave={() => pointAt(null)}
    >
      {stretches.map((one) => (
        <span
          key={one.fromMs}
          className="plot-stretch"
          style={{ left: leftOf(one.fromMs), right: `calc(100% - ${leftOf(one.toMs)})` }}
        />
      ))}
      {hasMarkers && <Markers data={data} leftOf={leftOf} />}
      {drag && (
        <span
          className="plot-drag"
          style={{
            left: leftOf(Math.min(drag.startMs, drag.endMs)),
            width: `${(Math.abs(drag.endMs - drag.startMs) / spanMs) * 100}%`,
          }}
        />
      )}
      <Crosshair {...props} leftOf={leftOf} />
    </div>
  )
}

function Markers({ data, leftOf }: { data: ChartData; leftOf(ms: number): string }) {
  return [...groupMarkers(data)].map(([time, markers]) => {
    const [first] = markers
    const kind = markers.every((one) => one.kind === first?.kind) ? (first?.kind ?? 'config') : 'several'
    return (
      <span
        key={time}
        className={`plot-marker plot-marker-${kind}`}
        style={{ left: leftOf(Date.parse(first?.at ?? '')) }}
        title={markers.map(wordsOf).join('\n')}
      />
    )
  })
}

export function wordsOf({ kind, text: words }: StatsMarker): string {
  return `${text.charts.markers[kind]}: ${visible(words)}`
}

interface CrosshairProps extends Props {
  leftOf(ms: number): string
}

function Crosshair({ id, data, series, zone, hasMarkers, format, fromMs, toMs, leftOf }: CrosshairProps) {
  const pointed = usePointed()
  if (!pointed || pointed.ms < fromMs || pointed.ms > toMs || data.times.length === 0) return null
  const at = bucketAt(data, pointed.ms)
  const time = data.times[at] ?? 0
  // Where the figures do not reach yet there is a line and nothing to read.
  const isKnown = pointed.ms >= (data.times[0] ?? 0) && pointed.ms < (data.times.at(-1) ?? 0) + data.stepMs
  const middle = time + data.stepMs / 2
  const isRight = middle > (fromMs + toMs) / 2
  const markers = hasMarkers ? (groupMarkers(data).get(time) ?? []) : []
  return (
    <>
      <span className="plot-crosshair" style={{ left: leftOf(isKnown ? middle : pointed.ms) }} />
      {pointed.chart === id && isKnown && (
        <div
          className={
            isRight ? 'chart-reading plot-reading plot-reading-before' : 'chart-reading plot-reading'
          }
          style={{ left: leftOf(middle) }}
        >
          <strong>{formatBucket(time, data.stepMs, zone)}</strong>
          {series.map((one) => (
            <span key={one.key}>
              <span className={`swatch swatch-${one.draw} series-${one.color}`} />
              <span className="plot-reading-name">{visible(one.label)}</span>
              <b>{format(data.columns.get(one.key)?.[at] ?? null)}</b>
            </span>
          ))}
          {time >= data.partialMs && <em>{text.charts.notOver}</em>}
          {markers.map((marker) => (
            <em key={`${marker.at} ${marker.text}`}>{wordsOf(marker)}</em>
          ))}
        </div>
      )}
    </>
  )
}
