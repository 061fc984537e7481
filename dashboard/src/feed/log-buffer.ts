/**
 * The bounded buffer behind a log: the newest 50,000 rows of one word, what was trimmed above them, and rows that
 * say how many lines the server left out. Plain data, changed only by the functions here; row ids rise by one for
 * ever, so that a view can tell what is new and find a row again.
 */
import type { FeedLine } from '@berth/protocol'
import { RowList } from './row-list.ts'

export const LOG_BUFFER_ROWS = 50_000
/** As long as no more lines have come, they may be what was written before somebody looked. */
const BACKLOG_ROWS = 5_000
/** How many of the newest rows are compared when a reconnected server repeats itself. */
const OVERLAP_ROWS = 2_000
/** Lines that are left out within this time of each other are one row. */
export const SKIP_SPAN_MS = 4_000
/** More rows than come in that time. */
const SKIP_SEARCH_ROWS = 10_000

export type LogRow =
  | { readonly kind: 'line'; readonly id: number; readonly entry: FeedLine; readonly length: number }
  | SkippedRow

export interface SkippedRow {
  readonly kind: 'skipped'
  readonly id: number
  readonly count: number
  /** Unix ms of the first and the last message that left lines out. */
  readonly fromMs: number
  readonly toMs: number
}

export interface LogBuffer {
  readonly rows: RowList<LogRow>
  /** Rows that left the buffer at its old end. */
  readonly trimmed: number
  readonly nextId: number
  /** Lines that came or were left out, since it began; and those left out alone. */
  readonly received: number
  readonly skipped: number
  /** The next lines may repeat what is here: the source was followed anew. */
  readonly mayOverlap: boolean
}

export const emptyLogBuffer: LogBuffer = {
  rows: RowList.of<LogRow>([]),
  trimmed: 0,
  nextId: 1,
  received: 0,
  skipped: 0,
  mayOverlap: false,
}

/** Adds what one message brought: first the count of lines left out, then the lines. */
export function appendLines(
  buffer: LogBuffer,
  lines: readonly FeedLine[],
  dropped: number,
  atMs = 0,
): LogBuffer {
  const fresh = buffer.mayOverlap ? withoutKnown(buffer, lines) : lines
  if (fresh.length === 0 && dropped === 0) {
    return lines.length > 0 && buffer.mayOverlap ? { ...buffer, mayOverlap: false } : buffer
  }
  const youngAt = dropped > 0 ? youngSkippedAt(buffer.rows, atMs) : -1
  let nextId = buffer.nextId
  const added: LogRow[] = []
  if (dropped > 0 && youngAt < 0)
    added.push({ kind: 'skipped', id: nextId++, count: dropped, fromMs: atMs, toMs: atMs })
  for (const entry of fresh) added.push({ kind: 'line', id: nextId++, entry, length: lengthOf(entry) })
  const grown = widenSkipped(buffer.rows, youngAt, dropped, atMs).append(added)
  const rows = isBacklog(buffer, fresh) ? sortByTime([...grown]) : grown
  const over = Math.max(0, rows.length - LOG_BUFFER_ROWS)
  return {
    rows: rows.drop(over),
    trimmed: buffer.trimmed + over,
    nextId: (rows.last?.id ?? 0) + 1,
    received: buffer.received + fresh.length + dropped,
    skipped: buffer.skipped + dropped,
    mayOverlap: false,
  }
}

/** Of several sources each sends its last lines first, one source behind the other. */
function isBacklog({ rows, received }: LogBuffer, fresh: readonly FeedLine[]): boolean {
  if (received > BACKLOG_ROWS) return false
  const { last } = rows
  let before = last?.kind === 'line' ? last.entry.at : ''
  for (const { at } of fresh) {
    if (at < before) return true
    before = at
  }
  return false
}

/**
 * By the instant they bear. Ids rise with the place: rows before the first that moves stay what they are, so that
 * who reads further up is not carried away.
 */
function sortByTime(rows: readonly LogRow[]): RowList<LogRow> {
  const instantOf = (row: LogRow) => (row.kind === 'line' ? row.entry.at : new Date(row.fromMs).toISOString())
  const sorted = rows.toSorted((a, b) =>
    instantOf(a) < instantOf(b) ? -1 : instantOf(a) > instantOf(b) ? 1 : 0,
  )
  const firstId = rows[0]?.id ?? 0
  return RowList.of(
    sorted.map((row, place) => (row.id === firstId + place ? row : { ...row, id: firstId + place })),
  )
}

/** Where the last row of this kind is, if it is young enough to say it; -1 when there is none. */
function youngSkippedAt(rows: RowList<LogRow>, atMs: number): number {
  for (let at = rows.length - 1; at >= 0 && at >= rows.length - SKIP_SEARCH_ROWS; at--) {
    const row = rows.at(at)
    if (row?.kind === 'skipped') return atMs - row.fromMs < SKIP_SPAN_MS ? at : -1
  }
  return -1
}

function widenSkipped(rows: RowList<LogRow>, at: number, dropped: number, atMs: number): RowList<LogRow> {
  const row = rows.at(at)
  return row?.kind === 'skipped' ? rows.with(at, { ...row, count: row.count + dropped, toMs: atMs }) : rows
}

/** About as many characters as are drawn of it. */
function lengthOf({ text, fields }: FeedLine): number {
  let length = text.length
  for (const name in fields) {
    const value = fields[name]
    const drawn = typeof value === 'object' ? JSON.stringify(value) : String(value)
    length += name.length + drawn.length + 2
  }
  return length
}

/** The same buffer, ready for a server that sends its last lines again after a reconnect. */
export function expectOverlap(buffer: LogBuffer): LogBuffer {
  return buffer.rows.length === 0 || buffer.mayOverlap ? buffer : { ...buffer, mayOverlap: true }
}

function withoutKnown(buffer: LogBuffer, lines: readonly FeedLine[]): readonly FeedLine[] {
  const known = new Set<string>()
  const { rows } = buffer
  for (const row of rows.slice(rows.length - OVERLAP_ROWS, rows.length))
    if (row.kind === 'line') known.add(keyOf(row.entry))
  return lines.filter((line) => !known.has(keyOf(line)))
}

function keyOf(entry: FeedLine): string {
  return `${entry.at}\n${entry.level}\n${entry.worker ?? ''}\n${entry.run ?? ''}\n${entry.text}`
}
