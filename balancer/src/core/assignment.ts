/**
 * A task as its worker gets it. Pure; called by placement.ts once it has reserved. What the core alone
 * knows stays here: nothing of a caller but what its handler may see.
 */
import type { TaskExtras } from '@berth/protocol'
import type { Assignment } from '../ports/dispatch.ts'
import type { Submission } from '../ports/submission.ts'
import type { Task } from './task.ts'
import type { Worker } from './worker.ts'

/** `used` is the worker's occupancy with this attempt, which the log says. */
export function assignmentOf(task: Task, worker: Worker, now: number): Assignment {
  const { submission } = task
  const remainingMs = submission.deadlineAt - now
  return {
    worker: worker.id,
    attemptId: task.attemptId,
    run: submission.run,
    fence: task.fence,
    function: submission.function,
    contract: task.lane?.needs.contract ?? 0,
    priority: task.urgency,
    attempt: task.attempts + 1,
    mode: submission.mode,
    isDurable: submission.isDurable,
    isAhead: task.isAhead,
    used: worker.used,
    limit: worker.limit,
    remainingMs: remainingMs === Number.POSITIVE_INFINITY ? null : Math.max(0, remainingMs),
    timeoutMs: submission.timeoutMs ?? null,
    trace: submission.trace,
    callers: submission.call?.callers,
    extras: extrasOf(submission, now),
    payload: submission.payload,
    workerKey: submission.workerKey,
  }
}

/** With what is left of its budget as it is sent. */
function extrasOf({ extras, budget: level, meter }: Submission, now: number): TaskExtras | undefined {
  const budget = meter?.allowance(now) ?? (level && { level })
  return budget ? { ...extras, budget } : extras
}
