/**
 * The balancer's log as a source of lines for pages: an entry's own fields become part of its text, since a
 * page knows only instant, level, source, run and text. Called by `log-watch.ts`.
 */
import { LIMITS, type LogEntry } from '@berth/protocol'
import type { LogEntry as OwnEntry } from '@berth/runtime'

/** An entry of the balancer's log in the shape of the feed; always within its bounds. */
export function toFeedEntry({ at, level, text, source, run, ...fields }: OwnEntry): LogEntry {
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${formatValue(value)}`)
  const entry: LogEntry = {
    at,
    level,
    text: `${text}${pairs.join('')}`.slice(0, LIMITS.logLineText),
    source: source.slice(0, 128),
  }
  return typeof run === 'string' ? { ...entry, run: run.slice(0, 64) } : entry
}

function formatValue(value: unknown): string {
  return typeof value === 'string' && /^[^\s="\\]+$/.test(value) ? value : JSON.stringify(value)
}
