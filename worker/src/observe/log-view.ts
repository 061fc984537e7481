/**
 * The kept lines as `GET /logs` shows them: all, or those of a level and above, or of one run. Called by `http.ts`.
 */
import { LOG_LEVELS, type Log, type LogLevel } from '@berth/runtime'

export interface LogFilter {
  readonly level?: string | undefined
  readonly run?: string | undefined
}

/** The lines, oldest first; a sentence when the filter is unusable. */
export function viewLog(log: Pick<Log, 'lines' | 'entries'>, { level, run }: LogFilter): string[] | string {
  if (level !== undefined && !isLevel(level)) return `level must be one of ${LOG_LEVELS.join(', ')}`
  const lines = log.lines()
  if (level === undefined && run === undefined) return lines
  const least = level === undefined ? 0 : LOG_LEVELS.indexOf(level)
  const isWanted = log
    .entries()
    .map((entry) => LOG_LEVELS.indexOf(entry.level) >= least && (run === undefined || entry.run === run))
  return lines.filter((_line, index) => isWanted[index])
}

function isLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text)
}
