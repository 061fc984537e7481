/**
 * Picks lines out of a worker's log by level and run. A worker answers its lines as it wrote them, JSON or
 * pretty; both are read. Called by `GET /workers/{id}/logs`.
 */
import { LOG_LEVELS, type LogLevel } from '@berth/runtime'

export interface LineFilter {
  /** This level and the more urgent ones. */
  readonly level: LogLevel | undefined
  readonly run: string | undefined
}

const PRETTY = /^\d\d:\d\d:\d\d\.\d{3} (debug|info|warn|error)\s/

export function filterLines(lines: readonly string[], filter: LineFilter): readonly string[] {
  if (filter.level === undefined && filter.run === undefined) return lines
  return lines.filter((line) => {
    const { level, run } = readLine(line)
    return isUrgent(level, filter.level) && (filter.run === undefined || run === filter.run)
  })
}

function isUrgent(level: unknown, least: LogLevel | undefined): boolean {
  if (least === undefined) return true
  return (LOG_LEVELS as readonly unknown[]).indexOf(level) >= LOG_LEVELS.indexOf(least)
}

function readLine(line: string): { readonly level?: unknown; readonly run?: unknown } {
  if (!line.startsWith('{')) return { level: PRETTY.exec(line)?.[1], run: / run=(\S+)/.exec(line)?.[1] }
  try {
    return JSON.parse(line)
  } catch {
    return {}
  }
}
