/**
 * How many tasks were accepted when, by state (C9): bars of a stacked histogram. A range that is drawn over it, by
 * pointer or by keys (arrows, Shift and arrows, Enter), becomes the range of the page. Drawn by hand: sixty bars need
 * no library, and the pointer works on the same buckets that are drawn.
 */
import { isFinal, RUN_STATUSES, type RunStatus, type RunSummary } from '@berth/protocol'
import { type KeyboardEvent, type PointerEvent, useState } from 'react'
import { Button } from '../../kit/button.tsx'
import { useZone } from '../../shell/zone.ts'
import { formatCount, formatInstantIn } from '../../text/format.ts'
import { text } from '../../text/text.ts'

interface Props {
  readonly summary: RunSummary
  /** Those that are drawn; empty for all. */
  readonly statuses: readonly RunStatus[]
  onZoom(fromMs: number, toMs: number): void
  /** Back to the range before; absent where there is none. */
  onZoomOut?(): void
}

const WIDTH = 1_200
const HEIGHT = 96
const GAP = 2
/** From the bottom of a bar up: what has ended well, then the rest, then what has not ended. */
const STACK: readonly RunStatus[] = [...RUN_STATUSES.filter(isFinal), 'running', 'queued', 'scheduled']

interface Span {
  readonly start: number
  readonly end: number
}

export function VolumeChart({ summary, statuses, onZoom, onZoomOut }: Props) {
  const [zone] = useZone()
  const [span, setSpan] = useState<Span | null>(null)
  const [isDragging, setDragging] = useState(false)
  const [cursor, setCursor] = useState<number | null>(null)
  const shown = STACK.filter((status) => statuses.length === 0 || statuses.includes(status))
  const { buckets, stepMs } = summary
  const sums = buckets.map(({ counts }) => shown.reduce((sum, status) => sum + (counts[status] ?? 0), 0))
  const most = Math.max(1, ...sums)
  const total = sums.reduce((sum, n) => sum + n, 0)
  const slot = WIDTH / Math.max(1, buckets.length)
  const timeOf = (bucket: number) => Date.parse(summary.from) + bucket * stepMs
  const words = text.tasks.volume
  const spoken = (bucket: number) =>
    words.bucket(
      formatInstantIn(timeOf(bucket), zone),
      formatCount(sums[bucket] ?? 0),
      shown.flatMap((status) => {
        const count = buckets[bucket]?.counts[status] ?? 0
        return count > 0 ? [`${text.runStates[status]} ${formatCount(count)}`] : []
      }),
    )
  const bucketAt = (event: PointerEvent<Element>) => {
    const { left, width } = event.currentTarget.getBoundingClientRect()
    const part = width === 0 ? 0 : (event.clientX - left) / width
    return Math.min(buckets.length - 1, Math.max(0, Math.floor(part * buckets.length)))
  }
  const zoom = ({ start, end }: Span) => {
    setSpan(null)
    onZoom(timeOf(Math.min(start, end)), timeOf(Math.max(start, end) + 1))
  }
  const pressKey = (event: KeyboardEvent) => {
    const next = keyedSpan(event, cursor, span, buckets.length)
    if (next === null) return
    event.preventDefault()
    event.stopPropagation()
    if (next === 'zoom') return zoom(span ?? { start: cursor ?? 0, end: cursor ?? 0 })
    if (next === 'cancel') return setSpan(null)
    setCursor(next.end)
    setSpan(next)
  }
  const chosen = span && { low: Math.min(span.start, span.end), high: Math.max(span.start, span.end) }
  const pointed = cursor ?? buckets.length - 1
  return (
    <figure className="panel volume" aria-label={words.title}>
      <figcaption className="volume-head">
        <h2>{words.title}</h2>
        <span className="muted">{words.unit(formatCount(total))}</span>
        <ul className="volume-legend">
          {shown
            .filter((status) => (summary.counts[status] ?? 0) > 0)
            .map((status) => (
              <li key={status}>
                <span className={`volume-key volume-${status}`} aria-hidden="true" />
                {text.runStates[status]}
              </li>
            ))}
        </ul>
        {onZoomOut && (
          <Button icon="undo" onClick={onZoomOut}>
            {words.zoomOut}
          </Button>
        )}
      </figcaption>
      <div
        className="volume-area"
        role="slider"
        tabIndex={0}
        aria-label={words.slider}
        aria-valuemin={0}
        aria-valuemax={buckets.length - 1}
        aria-valuenow={pointed}
        aria-valuetext={spoken(pointed)}
        onKeyDown={pressKey}
        onPointerDown={(event) => {
          if (event.button !== 0) return
          event.currentTarget.setPointerCapture?.(event.pointerId)
          const at = bucketAt(event)
          setDragging(true)
          setCursor(at)
          setSpan({ start: at, end: at })
        }}
        onPointerMove={(event) => {
          const at = bucketAt(event)
          setCursor(at)
          if (isDragging && span) setSpan({ ...span, end: at })
        }}
        onPointerUp={() => {
          setDragging(false)
          if (span && span.start !== span.end) zoom(span)
          else setSpan(null)
        }}
        onPointerCancel={() => {
          setDragging(false)
          setSpan(null)
        }}
        onPointerLeave={() => !isDragging && setCursor(null)}
      >
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          {buckets.map(({ at, counts }, bucket) => {
            let top = HEIGHT
            return (
              <g key={at} className={bucket === buckets.length - 1 ? 'volume-newest' : undefined}>
                {shown.map((status) => {
                  const height = ((counts[status] ?? 0) / most) * (HEIGHT - 4)
                  if (height === 0) return null
                  top -= height
                  return (
                    <rect
                      key={status}
                      className={`volume-${status}`}
                      x={bucket * slot + GAP / 2}
                      y={top}
                      width={Math.max(1, slot - GAP)}
                      height={Math.max(1, height)}
                    />
                  )
                })}
              </g>
            )
          })}
          {chosen && (
            <rect
              className="volume-span"
              x={chosen.low * slot}
              y={0}
              width={(chosen.high - chosen.low + 1) * slot}
              height={HEIGHT}
            />
          )}
        </svg>
        {cursor !== null && <p className="volume-tip">{spoken(cursor)}</p>}
      </div>
      <p className="volume-axis" aria-hidden="true">
        <span>{formatInstantIn(timeOf(0), zone)}</span>
        <span>{words.most(formatCount(most))}</span>
        <span>{formatInstantIn(timeOf(buckets.length), zone)}</span>
      </p>
      <VolumeTable summary={summary} shown={shown} sums={sums} />
    </figure>
  )
}

/** The same in words and figures; empty stretches are left out. */
function VolumeTable({
  summary,
  shown,
  sums,
}: {
  summary: RunSummary
  shown: readonly RunStatus[]
  sums: readonly number[]
}) {
  const [zone] = useZone()
  const words = text.tasks.volume
  return (
    <details className="volume-table">
      <summary>{words.asTable}</summary>
      <div className="volume-scroll">
        <table>
          <caption className="only-heard">{words.title}</caption>
          <thead>
            <tr>
              <th scope="col">{words.from}</th>
              {shown.map((status) => (
                <th key={status} scope="col">
                  {text.runStates[status]}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {summary.buckets.map(
              ({ at, counts }, bucket) =>
                (sums[bucket] ?? 0) > 0 && (
                  <tr key={at}>
                    <th scope="row">{formatInstantIn(Date.parse(at), zone)}</th>
                    {shown.map((status) => (
                      <td key={status}>{formatCount(counts[status] ?? 0)}</td>
                    ))}
                  </tr>
                ),
            )}
          </tbody>
        </table>
      </div>
    </details>
  )
}

function keyedSpan(
  { key, shiftKey }: KeyboardEvent,
  cursor: number | null,
  span: Span | null,
  count: number,
): Span | 'zoom' | 'cancel' | null {
  const at = cursor ?? count - 1
  const clamp = (bucket: number) => Math.min(count - 1, Math.max(0, bucket))
  const targets: Record<string, number> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: count - 1 }
  if (key === 'Enter') return cursor === null ? null : 'zoom'
  if (key === 'Escape') return span === null ? null : 'cancel'
  const target = targets[key]
  if (target === undefined) return null
  const end = clamp(target)
  return shiftKey ? { start: span?.start ?? at, end } : { start: end, end }
}
