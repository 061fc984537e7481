/**
 * When the time of a run with a budget counts: while its handler runs, but not while that waits for what it called.
 * Called wherever an attempt begins, is lent or is over; the counting itself is behind ports/metering.ts.
 * Invariant: a meter is started and stopped by turns, once an attempt and once a loan.
 */
import type { Task } from './task.ts'

export function startMeter(task: Task, at: number): void {
  const { meter } = task.submission
  if (!meter || task.isMetered) return
  task.isMetered = true
  meter.start(at)
}

export function stopMeter(task: Task, now: number): void {
  if (!task.isMetered) return
  task.isMetered = false
  task.submission.meter?.stop(now)
}

/** Infinity for a task without such a limit. Later than now: who is looked at too early is looked at again. */
export function usedUpAt(task: Task, now: number): number {
  if (!task.isMetered) return Number.POSITIVE_INFINITY
  return Math.max(now + 1, task.submission.meter?.dueAt() ?? Number.POSITIVE_INFINITY)
}
