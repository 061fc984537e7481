/**
 * What a log tail shows of its buffer: filtering, counting what is new, the window of rows on
 * screen, and the text of a download. Pure; the component only draws.
 */
import type { LogEntry, LogLevel } from '@berth/protocol'
import type { LogRow } from '../feed/log-buffer.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly LogLevel[]

export interface LogFilter {
  /** This level and those above it. */
  readonly level: LogLevel
  /** Part of the text, source or run, whatever its case; empty matches all. */
  readonly text: string
}

/** Rows that say lines are missing always stay: a filter must not hide a hole. */
export function filterRows(rows: readonly LogRow[], filter: LogFilter): readonly LogRow[] {
  const needle = filter.text.trim().toLowerCase()
  const least = LOG_LEVELS.indexOf(filter.level)
  if (needle === '' && least === 0) return rows
  return rows.filter(
    (row) =>
      row.kind === 'skipped' ||
      (LOG_LEVELS.indexOf(row.entry.level) >= least &&
        (needle === '' ||
          `${lineText(row.entry)}\n${row.entry.source}\n${row.entry.run ?? ''}`
            .toLowerCase()
            .includes(needle))),
  )
}

/** Lines that came after the row `lastId`; a row of skipped lines counts its lines. */
export function countAfter(rows: readonly LogRow[], lastId: number): number {
  let count = 0
  for (let i = rows.length - 1; i >= 0; i--) {
    const row = rows[i]
    if (!row || row.id <= lastId) break
    count += row.kind === 'skipped' ? row.count : 1
  }
  return count
}

export interface LogWindow {
  readonly start: number
  readonly end: number
}

/** The rows to draw for a scroll position, with some beyond each edge. */
export function windowOf(count: number, scrollTop: number, height: number, rowHeight: number): LogWindow {
  const beyond = 12
  const visibleRows = Math.ceil((height || 320) / rowHeight)
  const first = Math.min(Math.floor(scrollTop / rowHeight), Math.max(0, count - visibleRows))
  return { start: Math.max(0, first - beyond), end: Math.min(count, first + visibleRows + beyond) }
}

/** One line a row, as plain text; line breaks within an entry are escaped by `escapeText`. */
export function toText(rows: readonly LogRow[], escapeText: (raw: string) => string): string {
  return rows
    .map((row) =>
      row.kind === 'skipped'
        ? `--- ${row.count} lines skipped`
        : `${row.entry.at} ${row.entry.level.toUpperCase().padEnd(5)} ${escapeText(row.entry.source)}${row.entry.run ? ` ${escapeText(row.entry.run)}` : ''} ${escapeText(lineText(row.entry))}`,
    )
    .join('\n')
    .concat('\n')
}

/** The text with its fields behind it, as the logs themselves print them. */
export function lineText({ text, fields }: LogEntry): string {
  if (fields === undefined) return text
  return `${text}${Object.entries(fields)
    .map(([name, value]) => ` ${name}=${printValue(value)}`)
    .join('')}`
}

function printValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s="\\]+$/.test(value) ? value : JSON.stringify(value)
}
