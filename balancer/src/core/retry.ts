/**
 * "Did it run?" decides every repeat (CONTRACT §4, Repeats). Pure verdicts: the scheduler carries
 * them out. An attempt that never started is no attempt and is not asked about here.
 */
import type { OutcomeError } from '@berth/protocol'
import type { FunctionFacts } from '../ports/workforce.ts'
import type { Task } from './task.ts'

const BACKOFF = { baseMs: 200, factor: 2, maxMs: 30_000, jitter: 0.5 }
const POISON_LOSSES = 3
const BUDGET_SHARE = 0.2
const BUDGET_LEAST = 3

/** A failure: the handler threw or timed out. True when another attempt is due. */
export function mayRepeatFailure(
  task: Task,
  facts: FunctionFacts | undefined,
  error: OutcomeError | undefined,
  maxAttempts: number,
): boolean {
  if (error?.nonRetryable || task.hasLeft) return false
  const { attempts } = task.submission
  if (attempts !== undefined) return task.attempts < attempts
  return task.failures <= (facts?.maxRetries ?? 0) && task.attempts < Math.max(maxAttempts, 1)
}

/**
 * A loss: the worker died or was stopped in the middle, so it may have run. `made` attempts may have begun by
 * now; those of the task unless given.
 */
export function mayRepeatLoss(
  task: Task,
  facts: FunctionFacts | undefined,
  maxAttempts: number,
  made = task.attempts,
): boolean {
  const { idempotent, attempts, mode } = task.submission
  if (task.hasLeft || made >= (attempts ?? maxAttempts)) return false
  const declared = idempotent ?? facts?.idempotent ?? undefined
  if (declared !== undefined) return declared
  return mode === 'async' || mode === 'webhook'
}

/** It was running when three workers were lost: a fourth is not given to it. */
export function isPoison(task: Task): boolean {
  return task.losses >= POISON_LOSSES
}

/**
 * The retry budget of a lane: repeats of failures are at most a fifth of its tasks, three at least, so
 * that a dependency that is down is not asked more often than before. A run on disk can wait for its
 * repeat; a task in memory ends with the failure that it had.
 */
export function mayRepeatNow({ submission, lane, isRepeating }: Task): boolean {
  if (submission.isDurable || isRepeating || !lane) return true
  return lane.repeating < Math.max(BUDGET_LEAST, lane.live * BUDGET_SHARE)
}

/** The task is repeated; until it ends it counts against the budget. */
export function noteRepeat(task: Task): void {
  if (task.isRepeating || !task.lane) return
  task.isRepeating = true
  task.lane.repeating++
}

export function endRepeat(task: Task): void {
  if (task.isRepeating && task.lane) task.lane.repeating--
  task.isRepeating = false
}

/**
 * Waiting time before the next attempt after a failure, as the function's `backoff` has it: doubling from 200 ms
 * to 30 s, with half of it at random, unless given. What the failure itself named goes first.
 */
export function backoffMs(
  failures: number,
  error: OutcomeError | undefined,
  random: () => number,
  terms: FunctionFacts['backoff'] = {},
): number {
  if (error?.retryAfterMs !== undefined) return error.retryAfterMs
  const {
    baseMs = BACKOFF.baseMs,
    factor = BACKOFF.factor,
    maxMs = BACKOFF.maxMs,
    jitter = BACKOFF.jitter,
  } = terms
  const whole = Math.min(baseMs * factor ** Math.max(0, failures - 1), maxMs)
  return whole * (1 - jitter + jitter * random())
}
