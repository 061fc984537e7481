/**
 * The bounded buffer behind a log tail: the newest 5,000 rows of one source, what was trimmed above
 * them, and rows that say how many lines the server left out. Plain data, changed only by the
 * functions here; row ids rise for ever, so that a view can tell what is new.
 */
import type { LogEntry } from '@berth/protocol'

export const LOG_BUFFER_ROWS = 5_000
/** How many of the newest rows are compared when a reconnected server repeats itself. */
const OVERLAP_ROWS = 1_000

export type LogRow =
  | { readonly kind: 'line'; readonly id: number; readonly entry: LogEntry }
  | { readonly kind: 'skipped'; readonly id: number; readonly count: number }

export interface LogBuffer {
  readonly rows: readonly LogRow[]
  /** Rows that left the buffer at its old end. */
  readonly trimmed: number
  readonly nextId: number
  /** The next lines may repeat what is here: the source was followed anew. */
  readonly mayOverlap: boolean
}

export const emptyLogBuffer: LogBuffer = { rows: [], trimmed: 0, nextId: 1, mayOverlap: false }

/** Adds what one message brought: first the count of lines left out, then the lines. */
export function appendLines(buffer: LogBuffer, lines: readonly LogEntry[], dropped: number): LogBuffer {
  const fresh = buffer.mayOverlap ? withoutKnown(buffer, lines) : lines
  if (fresh.length === 0 && dropped === 0) {
    return lines.length > 0 && buffer.mayOverlap ? { ...buffer, mayOverlap: false } : buffer
  }
  let nextId = buffer.nextId
  const added: LogRow[] = []
  if (dropped > 0) added.push({ kind: 'skipped', id: nextId++, count: dropped })
  for (const entry of fresh) added.push({ kind: 'line', id: nextId++, entry })
  const all = [...buffer.rows, ...added]
  const over = Math.max(0, all.length - LOG_BUFFER_ROWS)
  return {
    rows: over > 0 ? all.slice(over) : all,
    trimmed: buffer.trimmed + over,
    nextId,
    mayOverlap: false,
  }
}

/** The same buffer, ready for a server that sends its last lines again after a reconnect. */
export function expectOverlap(buffer: LogBuffer): LogBuffer {
  return buffer.rows.length === 0 || buffer.mayOverlap ? buffer : { ...buffer, mayOverlap: true }
}

function withoutKnown(buffer: LogBuffer, lines: readonly LogEntry[]): readonly LogEntry[] {
  const known = new Set<string>()
  for (const row of buffer.rows.slice(-OVERLAP_ROWS)) if (row.kind === 'line') known.add(keyOf(row.entry))
  return lines.filter((line) => !known.has(keyOf(line)))
}

function keyOf(entry: LogEntry): string {
  return `${entry.at}\n${entry.level}\n${entry.run ?? ''}\n${entry.text}`
}
