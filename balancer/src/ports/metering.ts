/**
 * What runs use and what they may use. Implemented by `runs/usage/`, asked by the core, which knows when handlers run
 * and ends what has used too much; shown by `runs/`. Instants are the core's monotonic milliseconds.
 */
import type { TaskBudget, TaskError } from '@berth/protocol'
import type { StreamItem, StreamOrigin } from './stream.ts'
import type { Submission } from './submission.ts'

/** Of one run with a budget, or of one that it called and that uses the same budget. */
export interface RunMeter {
  /** What the next attempt is told: the limits and what is left of them. */
  allowance(now: number): TaskBudget
  /** Its handler runs; may lie before this process. */
  start(at: number): void
  /** It does not any more, or waits for what it called. */
  stop(now: number): void
  /** When the time is used up, if all that runs now goes on; Infinity for never. */
  dueAt(): number
  /** Why the run has used more than it may. */
  exhausted(now: number): TaskError | undefined
  /** A worker says that the time is used up, which it knows better: what `exhausted` says from now on. */
  noteOvertime(): TaskError
  /** For a run that its handler calls. */
  child(run: string): RunMeter
}

/** For the core: where what tasks in memory use goes. */
export interface UsagePort {
  /** Takes the item, whatever it is. */
  item(submission: Submission, item: StreamItem, origin: StreamOrigin): void
}

/** For whoever meters: ends a run that has used too much, with what it returns within a moment. */
export interface ExhaustPort {
  exhaust(run: string, error: TaskError, now: number): void
}
