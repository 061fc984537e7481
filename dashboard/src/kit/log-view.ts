/**
 * What a list of log lines shows of its buffer: where each row stands, which rows are on screen, how a line reads
 * as text, and the text of a download. Pure; the component only draws.
 */
import type { FeedLine } from '@berth/protocol'
import type { LogRow } from '../feed/log-buffer.ts'
import type { RowList } from '../feed/row-list.ts'

export const ROW_HEIGHT = 20
/** Rows that are drawn beyond each edge. */
const BEYOND = 6

/** Where rows stand, from the top of the first one. */
export interface RowLayout {
  readonly count: number
  readonly height: number
  topOf(index: number): number
  indexAt(top: number): number
}

/**
 * `columns`: characters of text in one line when long lines are wrapped; null when they are not. `opened`: the
 * height of what stands below a row, by its id.
 */
export function layoutRows(
  rows: RowList<LogRow>,
  columns: number | null,
  opened: ReadonlyMap<number, number>,
): RowLayout {
  return columns === null ? layoutEven(rows, opened) : layoutWrapped(rows, columns, opened)
}

/** One height for all but what is open, of which there are few. */
function layoutEven(rows: RowList<LogRow>, opened: ReadonlyMap<number, number>): RowLayout {
  const firstId = rows.at(0)?.id ?? 0
  const extra = [...opened]
    .map(([id, height]) => ({ index: id - firstId, height }))
    .filter(({ index }) => index >= 0 && index < rows.length)
    .sort((a, b) => a.index - b.index)
  const topOf = (index: number) =>
    extra.reduce((top, one) => top + (one.index < index ? one.height : 0), index * ROW_HEIGHT)
  const indexAt = (top: number) => {
    let before = 0
    for (const { index, height } of extra) {
      const below = (index + 1) * ROW_HEIGHT + before
      if (top < below) break
      if (top < below + height) return index
      before += height
    }
    return clamp(Math.floor((top - before) / ROW_HEIGHT), rows.length)
  }
  return { count: rows.length, height: topOf(rows.length), topOf, indexAt }
}

function layoutWrapped(
  rows: RowList<LogRow>,
  columns: number,
  opened: ReadonlyMap<number, number>,
): RowLayout {
  const tops = new Float64Array(rows.length + 1)
  let top = 0
  for (let index = 0; index < rows.length; index++) {
    const row = rows.at(index) as LogRow
    tops[index] = top
    const lines = row.kind === 'line' ? Math.max(1, Math.ceil(row.length / columns)) : 1
    top += lines * ROW_HEIGHT + (opened.get(row.id) ?? 0)
  }
  tops[rows.length] = top
  const indexAt = (wanted: number) => {
    let [low, high] = [0, rows.length]
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if ((tops[middle] ?? 0) <= wanted) low = middle
      else high = middle
    }
    return clamp(low, rows.length)
  }
  return { count: rows.length, height: top, topOf: (index) => tops[index] ?? top, indexAt }
}

function clamp(index: number, count: number): number {
  return Math.max(0, Math.min(index, count - 1))
}

/** The rows to draw for a scroll position, with some beyond each edge. */
export function windowOf(
  layout: RowLayout,
  scrollTop: number,
  height: number,
): { readonly start: number; readonly end: number } {
  const shown = height || 320
  const top = Math.max(0, Math.min(scrollTop, layout.height - shown))
  const start = Math.max(0, layout.indexAt(top) - BEYOND)
  return { start, end: Math.min(layout.count, layout.indexAt(top + shown) + 1 + BEYOND) }
}

/** The text with its fields behind it, as the logs themselves print them. */
export function lineText({ text, fields }: FeedLine): string {
  return fields === undefined ? text : `${text}${fieldsText(fields)}`
}

export function fieldsText(fields: NonNullable<FeedLine['fields']>): string {
  return Object.entries(fields)
    .map(([name, value]) => ` ${name}=${printValue(value)}`)
    .join('')
}

function printValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s="\\]+$/.test(value) ? value : JSON.stringify(value)
}

export interface TimeSpan {
  readonly fromMs: number
  readonly toMs: number
}

/** A line of JSON each, and one for every hole; only lines of the span when one is given. */
export function toNdjson(rows: RowList<LogRow>, span?: TimeSpan): string {
  let lines = ''
  for (const row of rows) {
    if (span !== undefined && !isIn(row, span)) continue
    lines += `${JSON.stringify(row.kind === 'line' ? row.entry : holeOf(row))}\n`
  }
  return lines
}

function holeOf({ count, fromMs, toMs }: Extract<LogRow, { kind: 'skipped' }>): object {
  return { skipped: count, from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() }
}

function isIn(row: LogRow, { fromMs, toMs }: TimeSpan): boolean {
  const atMs = row.kind === 'line' ? Date.parse(row.entry.at) : row.toMs
  return atMs >= fromMs && atMs <= toMs
}
