/**
 * What every attempt of this worker is given, whichever way its task came. Called by `http-task.ts` and
 * `link-task.ts`, once an attempt; the one place where a part of the worker becomes known to attempts.
 */
import type { AttemptPorts } from './attempt.ts'
import type { WorkerParts } from './parts.ts'

export function attemptPortsOf({ clock, log, tags, limits }: WorkerParts): AttemptPorts {
  return { clock, log, tags: () => tags.current, resultLimitBytes: limits.resultBytes }
}
