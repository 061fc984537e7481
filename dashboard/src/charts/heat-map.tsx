/**
 * A heat map on one canvas: columns are buckets of time, rows are steps of a logarithmic scale, the darker the more.
 * The same figures stand in the frame's table. Colours come from the page's tokens, so that themes hold.
 */
import { type PointerEvent, useEffect, useRef, useState } from 'react'
import type { Zone } from '../shell/zone.ts'
import { formatBucket, formatTick, timeTicks } from './axis.ts'
import { PLOT_EDGES } from './plot-edges.ts'
import { useSize } from './use-size.ts'

export interface HeatCells {
  /** Begins of the columns, Unix ms. */
  readonly times: readonly number[]
  readonly stepMs: number
  /** Counts by row, the lowest first; null where nobody counted. */
  readonly columns: readonly (readonly number[] | null)[]
}

interface Props {
  readonly cells: HeatCells
  readonly zone: Zone
  /** The rows' edges, one more than rows. */
  readonly edges: readonly number[]
  formatEdge(value: number): string
  /** What a cell says. */
  describe(count: number, from: number, to: number): string
}

interface Pointed {
  readonly column: number
  readonly row: number
}

export function HeatMap({ cells, zone, edges, formatEdge, describe }: Props) {
  const { ref, width, height } = useSize<HTMLDivElement>()
  const canvas = useRef<HTMLCanvasElement>(null)
  const [pointed, setPointed] = useState<Pointed | null>(null)
  const inner = {
    width: Math.max(1, width - PLOT_EDGES.left - PLOT_EDGES.right),
    height: Math.max(1, height - PLOT_EDGES.top - PLOT_EDGES.bottom),
  }
  const rows = edges.length - 1
  useEffect(() => {
    const element = canvas.current
    if (!element || width === 0) return
    const paint = () => drawCells(element, cells, rows, inner.width, inner.height)
    paint()
    const themes = new MutationObserver(paint)
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme', 'class'] })
    const dark = window.matchMedia?.('(prefers-color-scheme: dark)')
    dark?.addEventListener('change', paint)
    return () => {
      themes.disconnect()
      dark?.removeEventListener('change', paint)
    }
  }, [cells, rows, width, inner.width, inner.height])
  const point = (event: PointerEvent<HTMLCanvasElement>) => {
    const { left, top, width: wide, height: high } = event.currentTarget.getBoundingClientRect()
    const column = Math.floor(((event.clientX - left) / Math.max(1, wide)) * cells.times.length)
    const row = rows - 1 - Math.floor(((event.clientY - top) / Math.max(1, high)) * rows)
    const isWithin = column >= 0 && column < cells.times.length && row >= 0 && row < rows
    setPointed(isWithin ? { column, row } : null)
  }
  const fromMs = cells.times[0] ?? 0
  const toMs = (cells.times.at(-1) ?? 0) + cells.stepMs
  const count = pointed ? (cells.columns[pointed.column]?.[pointed.row] ?? null) : null
  return (
    <div className="plot heat-map" ref={ref}>
      <canvas
        ref={canvas}
        style={{ left: PLOT_EDGES.left, top: PLOT_EDGES.top, width: inner.width, height: inner.height }}
        onPointerMove={point}
        onPointerLeave={() => setPointed(null)}
      />
      {edges.map((edge, at) =>
        isDecade(edge) ? (
          <span
            key={edge}
            className="heat-edge"
            style={{ bottom: PLOT_EDGES.bottom + (at / rows) * inner.height, width: PLOT_EDGES.left - 6 }}
          >
            {formatEdge(edge)}
          </span>
        ) : null,
      )}
      {timeTicks(fromMs, toMs, zone, Math.max(3, Math.floor(inner.width / 78))).map((ms) => (
        <span
          key={ms}
          className="heat-time"
          style={{ left: PLOT_EDGES.left + ((ms - fromMs) / Math.max(1, toMs - fromMs)) * inner.width }}
        >
          {formatTick(ms, toMs - fromMs, zone)}
        </span>
      ))}
      {pointed && count !== null && (
        <div
          className="chart-reading heat-reading"
          style={
            pointed.column > cells.times.length / 2
              ? { right: width - PLOT_EDGES.left - (pointed.column / cells.times.length) * inner.width + 8 }
              : { left: PLOT_EDGES.left + ((pointed.column + 1) / cells.times.length) * inner.width + 8 }
          }
        >
          <strong>{formatBucket(cells.times[pointed.column] ?? 0, cells.stepMs, zone)}</strong>
          <span>{describe(count, edges[pointed.row] ?? 0, edges[pointed.row + 1] ?? 0)}</span>
        </div>
      )}
    </div>
  )
}

/** A power of ten, but for rounding. */
function isDecade(edge: number): boolean {
  const exponent = Math.log10(edge)
  return Math.abs(exponent - Math.round(exponent)) < 0.01
}

function drawCells(
  element: HTMLCanvasElement,
  cells: HeatCells,
  rows: number,
  width: number,
  height: number,
) {
  const ratio = window.devicePixelRatio || 1
  element.width = Math.round(width * ratio)
  element.height = Math.round(height * ratio)
  const context = element.getContext('2d')
  if (!context) return
  const [none, low, high] = ['--surface-2', '--heat-0', '--heat-1'].map((name) => resolve(name, element))
  let most = 1
  for (const column of cells.columns) for (const count of column ?? []) most = Math.max(most, count)
  const wide = element.width / Math.max(1, cells.times.length)
  const tall = element.height / rows
  cells.columns.forEach((column, x) => {
    if (column === null) return
    context.globalAlpha = 1
    context.fillStyle = none ?? ''
    context.fillRect(Math.floor(x * wide), 0, Math.ceil(wide), element.height)
    column.forEach((count, y) => {
      if (count === 0) return
      const place = [
        Math.floor(x * wide),
        Math.floor(element.height - (y + 1) * tall),
        Math.max(1, Math.ceil(wide) - 1),
        Math.ceil(tall),
      ] as const
      context.globalAlpha = 1
      context.fillStyle = low ?? ''
      context.fillRect(...place)
      // By the logarithm: a few runs in a slow bucket are what one looks for.
      context.globalAlpha = 0.12 + 0.88 * (Math.log1p(count) / Math.log1p(most))
      context.fillStyle = high ?? ''
      context.fillRect(...place)
    })
  })
}

/** A token as a colour that a canvas understands: `light-dark()` is worked out by an element that wears it. */
function resolve(name: string, element: HTMLCanvasElement): string {
  element.style.color = `var(${name})`
  const color = getComputedStyle(element).color
  element.style.removeProperty('color')
  return color
}
