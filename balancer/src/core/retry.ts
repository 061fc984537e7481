/**
 * "Did it run?" decides every repeat (CONTRACT §4, Repeats). Pure verdicts: the scheduler carries
 * them out. An attempt that never started is no attempt and is not asked about here.
 */
import type { OutcomeError } from '@berth/protocol'
import type { FunctionFacts } from '../ports/scheduling.ts'
import type { Task } from './task.ts'

const BACKOFF_BASE_MS = 200
const BACKOFF_MAX_MS = 30_000

/** A failure: the handler threw or timed out. True when another attempt is due. */
export function mayRepeatFailure(
  task: Task,
  facts: FunctionFacts | undefined,
  error: OutcomeError | undefined,
  maxAttempts: number,
): boolean {
  if (error?.nonRetryable) return false
  const { attempts } = task.submission
  if (attempts !== undefined) return task.attempts < attempts
  return task.failures <= (facts?.maxRetries ?? 0) && task.attempts < Math.max(maxAttempts, 1)
}

/** A loss: the worker died or was stopped in the middle, so it may have run. */
export function mayRepeatLoss(task: Task, facts: FunctionFacts | undefined, maxAttempts: number): boolean {
  const { idempotent, attempts, mode } = task.submission
  if (task.attempts >= (attempts ?? maxAttempts)) return false
  const declared = idempotent ?? facts?.idempotent ?? undefined
  if (declared !== undefined) return declared
  return mode === 'async' || mode === 'webhook'
}

/** Waiting time before the next attempt after a failure: doubling, with half of it at random. */
export function backoffMs(failures: number, error: OutcomeError | undefined, random: () => number): number {
  if (error?.retryAfterMs !== undefined) return error.retryAfterMs
  const whole = Math.min(BACKOFF_BASE_MS * 2 ** Math.max(0, failures - 1), BACKOFF_MAX_MS)
  return whole * (0.5 + random() / 2)
}
