/**
 * What every attempt of this worker is given, whichever way its task came. Called by `http-task.ts` and
 * `link-task.ts`, once an attempt; the one place where a part of the worker becomes known to attempts.
 */

import type { WorkerParts } from '../parts.ts'
import type { Emitter } from '../stream/emitter.ts'
import type { AttemptPorts } from './attempt.ts'

/** `call`: where `ctx.call` goes. `emitter`: who reads what the handler makes on the way, if anybody does. */
export function attemptPortsOf(
  parts: WorkerParts,
  call?: AttemptPorts['call'],
  emitter?: Emitter,
): AttemptPorts {
  const { clock, log, tags, limits, env, secrets, metrics } = parts
  return {
    clock,
    log,
    tags: () => tags.current,
    env,
    secrets,
    resultLimitBytes: limits.resultBytes,
    emitter,
    call,
    onOutcome: metrics.noteFinished,
  }
}
