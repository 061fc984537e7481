/**
 * Runs on disk as the core takes them: the contract that is fixed before acceptance, the window of what waits, and
 * what is told of the disk. `core/scheduler.ts` implements it for `runs/`, which answers through `ledger`.
 * Instants are the core's monotonic milliseconds.
 */
import type { CancelReason, CompiledSelector, TaskError } from '@berth/protocol'
import type { ClaimNeeds } from './ledger.ts'
import type { Submission } from './submission.ts'

/** Where a run was when an earlier balancer ended. */
export interface AttemptInDoubt {
  readonly worker: string
  /** Of the process that had it; undefined when nobody knows. */
  readonly boot: string | undefined
  readonly fence: number
  /** Undefined when nobody knows whether it had begun; then it is not among the past attempts either. */
  readonly startedAt: number | undefined
}

/** A function of a group; an undefined contract is the group's default. */
export interface Wanted {
  readonly fairnessKey?: string | undefined
  /** Its caller waits: it is refused where a task in memory would be, instead of waiting for better times. */
  readonly isWaitedFor?: boolean | undefined
  readonly group: string
  readonly function: string
  readonly contract: number | undefined
  readonly selector: CompiledSelector
}

export type FixedContract =
  | { readonly kind: 'fixed'; readonly contract: number }
  | { readonly kind: 'refused'; readonly error: TaskError }
  /** Nobody serves it, and not every worker has answered yet. */
  | { readonly kind: 'unsettled' }

/** For `runs/`. */
export interface DurableTasksPort {
  /** The next number of the one order of acceptance. */
  nextSeq(): number
  /** The contract that is fixed now, or why such a run is not accepted. */
  fixContract(wanted: Wanted, now: number): FixedContract
  /** How many lanes there are: tasks that wait with different needs. */
  readonly lanes: number
  /**
   * A run that is on disk waits from now on; what has no room here is pushed back there. `isNew`: nobody has heard
   * of it before.
   */
  queued(submission: Submission, isNew: boolean, now: number): void
  /** A run that was at a worker when an earlier balancer ended. */
  restore(submission: Submission, attempt: AttemptInDoubt, now: number): void
  /** A lane has waiting runs on disk; its name. */
  laneOnDisk(needs: ClaimNeeds): string
  claimed(lane: string, submissions: readonly Submission[], hasMore: boolean, now: number): void
  persisted(runs: readonly string[]): void
  /** What `writeFirst` told is on disk: the attempt is sent. */
  written(worker: string, attemptId: number, now: number): void
  /** It cannot be brought there now: the slot is free for others, and a moment later it is tried again. */
  unwritten(worker: string, attemptId: number, now: number): void
  /** What `attemptOver` told is on disk. */
  noted(worker: string, attemptId: number, fence: number): void
  cancel(run: string, reason: CancelReason, now: number): boolean
  reprioritise(run: string, priority: number, now: number): boolean
}
