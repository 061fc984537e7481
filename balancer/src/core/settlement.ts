/** How a task's end is worded: pure conversions from what the core and the workers know. */
import { isErrorCode, type OutcomeError, type TaskError } from '@berth/protocol'
import type { FinalRecord } from '../ports/ledger.ts'
import type { AttemptOutcome } from '../ports/record.ts'
import type { Provenance, Settlement } from '../ports/submission.ts'
import type { KeyedPause, Limited } from './gates.ts'
import type { Task } from './task.ts'
import type { Worker } from './worker.ts'

const DRAIN_RETRY_MS = 5_000
/** For a pause without an end. */
const PAUSE_RETRY_MS = 30_000

/** What is known of the attempts as the task ends now. */
export function provenance(task: Task, now: number, runMs: number, worker?: Pick<Worker, 'id'>): Provenance {
  const queueUntilAt = task.hasStarted ? task.startedAt : now
  return {
    worker: worker?.id,
    attempt: task.attempts,
    queueMs: Math.max(0, queueUntilAt - task.acceptedAt),
    runMs,
    coldStartMs: task.coldStartMs,
  }
}

/** A worker's error as the caller's; a code of no table is the function's own failure. */
export function toTaskError(error: OutcomeError): TaskError {
  const { message, errors, retryAfterMs } = error
  return {
    code: isErrorCode(error.code) ? error.code : 'FUNCTION_FAILED',
    detail: message,
    ...(errors ? { errors } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}

export function drainingError(): TaskError {
  return {
    code: 'DRAINING',
    detail: 'This balancer is shutting down and takes nothing new. Send the task to another, or again later.',
    retryAfterMs: DRAIN_RETRY_MS,
  }
}

export function callerGoneError(): TaskError {
  return { code: 'CANCELLED', detail: 'The task that calls it does not run any more.' }
}

export function lostError(task: Task, worker: Pick<Worker, 'id'> | undefined): TaskError {
  const where = worker ? `The worker "${worker.id}"` : 'Its worker'
  const what = task.endsUntilAt === undefined ? 'was lost' : 'was emptied by an operator'
  if (task.hasLeft) {
    const detail = `${where} ${what} in the middle of the stream, of which a part has arrived. Send the task again if that does no harm.`
    return { code: 'WORKER_LOST', detail }
  }
  const isRepeatable = task.submission.idempotent ?? task.lane?.facts.idempotent
  const advice = isRepeatable
    ? 'no attempt is left. Send it again, or with more `attempts`.'
    : 'it may have run. Send it again if that does no harm; declare the function idempotent to have that done for you.'
  return {
    code: 'WORKER_LOST',
    detail: `${where} ${what} in attempt ${task.attempts} of the task: ${advice}`,
  }
}

export function poisonedError(task: Task, worker: Pick<Worker, 'id'> | undefined): TaskError {
  const last = worker ? `, "${worker.id}" the last of them` : ''
  return {
    code: 'POISONED',
    detail: `The task was running when ${task.losses} workers were lost${last}, and is not tried again by itself. Look at what it does to them, then send it again by hand.`,
  }
}

/** A pause holds back what would wait in memory. */
export function pausedError(
  { submission }: Limited,
  { untilAt, reason, fairnessKey }: KeyedPause,
  now: number,
): TaskError {
  const whose = fairnessKey === undefined ? '' : ` for the fairness key ${JSON.stringify(fairnessKey)}`
  const why = reason === undefined ? '' : `: ${reason}`
  const leftMs = untilAt === undefined ? PAUSE_RETRY_MS : untilAt - now
  return {
    code: 'PAUSED',
    detail: `Starts of "${submission.function}" (group "${submission.group}")${whose} are paused${why}. Send it again later.`,
    retryAfterMs: Math.max(1_000, leftMs),
  }
}

export function overdueError(task: Task, now: number): TaskError {
  const waitedMs = Math.round(now - task.acceptedAt)
  if (now < task.submission.deadlineAt) {
    const detail = `The task waited ${waitedMs} ms for a free slot and reached the limit of the queue (QUEUE_TIMEOUT).`
    return { code: 'TIMEOUT', detail }
  }
  const where = task.hasStarted ? `running on "${task.worker?.id ?? 'a worker'}"` : 'waiting for a slot'
  return { code: 'TIMEOUT', detail: `The task reached its deadline after ${waitedMs} ms, ${where}.` }
}

/**
 * The status of a run that ends so: `expired` is a task whose own time is up, waiting or running; an
 * attempt that took too long is a failure like others.
 */
export function statusOf(settlement: Settlement, isOverdue: boolean): FinalRecord['status'] {
  if (settlement.kind === 'completed') return 'completed'
  if (settlement.error.code === 'CANCELLED') return 'cancelled'
  const isExpired = settlement.error.code === 'TIMEOUT' && (isOverdue || settlement.worker === undefined)
  return isExpired ? 'expired' : 'failed'
}

/** How the attempt went that ends with this code. */
export function attemptOutcome(code: string | undefined): AttemptOutcome {
  if (code === 'WORKER_LOST' || code === 'POISONED') return 'lost'
  if (code === 'CANCELLED') return 'cancelled'
  return code === 'TIMEOUT' ? 'timeout' : 'failed'
}
