/**
 * The balancer's log as a source of lines for pages, in the shape that workers' lines have. Called by
 * `log-channel.ts`. Invariant: an entry is made into a line once, however many follow, and is within the bounds
 * of the feed.
 */
import { LIMITS, type LogEntry } from '@berth/protocol'
import type { LogEntry as OwnEntry } from '@berth/runtime'

/** Longer ones are cut with the text that they become part of. */
const FIELDS_TEXT = 8 * 1024

const made = new WeakMap<OwnEntry, LogEntry>()

export function ownLine(entry: OwnEntry): LogEntry {
  const known = made.get(entry)
  if (known !== undefined) return known
  const line = toFeedEntry(entry)
  made.set(entry, line)
  return line
}

/** An entry of the balancer's log in the shape of the feed. */
export function toFeedEntry({ at, level, text, source, run, ...fields }: OwnEntry): LogEntry {
  const hasFields = Object.keys(fields).length > 0
  const isApart = hasFields && JSON.stringify(fields).length <= FIELDS_TEXT
  const pairs = isApart || !hasFields ? '' : ` ${JSON.stringify(fields)}`
  const entry: LogEntry = {
    at,
    level,
    text: `${text}${pairs}`.slice(0, LIMITS.logLineText),
    source: source.slice(0, 128),
  }
  if (typeof run === 'string') entry.run = run.slice(0, 64)
  if (isApart) entry.fields = fields
  return entry
}
