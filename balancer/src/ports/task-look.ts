/**
 * What can be read of tasks in the core: pictures of those that wait and run, and why one stands where it does.
 * `core/scheduler.ts` implements it, `runs/` shows it. Made on demand, of one moment; instants are the core's
 * monotonic milliseconds.
 */
import type { BudgetLevel, Mode, TaskError } from '@berth/protocol'
import type { AttemptRecord, ChoiceRecord } from './record.ts'
import type { Submission } from './submission.ts'

/** A task that waits or runs; instants are the core's own. */
export interface TaskPicture {
  readonly run: string
  readonly status: 'queued' | 'running'
  readonly group: string
  readonly function: string
  /** Undefined while the task waits for a fleet that has not answered yet. */
  readonly contract: number | undefined
  readonly priority: number
  readonly fairnessKey: string | undefined
  readonly mode: Mode
  readonly isDurable: boolean
  readonly worker: string | undefined
  readonly attempt: number
  readonly acceptedAt: number
  readonly startedAt: number | undefined
  readonly metadata: Readonly<Record<string, string>> | undefined
  readonly trigger?: 'ui' | 'email' | undefined
  /** The run whose handler called it. */
  readonly parent: string | undefined
  /** Its present attempt waited for a setup; undefined when nobody knows. */
  readonly isCold?: boolean | undefined
  /** As in `Provenance`, of attempts that are over. */
  readonly coldStartMs?: number | undefined
  readonly budget?: BudgetLevel | undefined
  /** Attempts that are over. */
  readonly history: readonly AttemptRecord[]
  /** Why this worker, when that was noted. */
  readonly choice?: ChoiceRecord | undefined
}

/** Why a worker does not take a task, in one word; `could_take` when it could. */
export type ReasonCode =
  | 'wrong_group'
  | 'function_missing'
  | 'contract_mismatch'
  | 'tag_mismatch'
  | 'maintenance'
  | 'draining'
  | 'unready'
  | 'mismatch'
  | 'disconnected'
  | 'stalled'
  | 'slot_cost_too_big'
  | 'breaker_open'
  | 'excluded_after_failure'
  | 'backing_off'
  | 'no_free_slot'
  | 'could_take'
  | 'out_of_service'
  | 'unknown'

export interface CountedReason {
  readonly code: ReasonCode
  readonly reason: string
  readonly count: number
}

/** What holds a task back that somebody could take: an instant of the core when it is known to end by itself. */
export interface Hold {
  readonly kind: 'paused' | 'concurrency' | 'rate'
  readonly untilAt: number | undefined
}

/** What a choice looks at; milliseconds, slots, and (used + 1) ÷ limit ÷ weight. */
export interface Score {
  readonly worker: string
  readonly expectedMs: number | undefined
  readonly used: number
  readonly limit: number
  readonly occupancyAfter: number
}

export interface Explanation {
  /** Every worker under one reason: the counts add up to the fleet. */
  readonly reasons: readonly CountedReason[]
  /** The worker that came nearest and what it lacks; undefined when one could take the task. */
  readonly nearestMiss: string | undefined
  readonly nearest:
    | { readonly worker: string; readonly code: ReasonCode; readonly reason: string }
    | undefined
  /** Who could take it now, the best first, at most five. */
  readonly candidates: readonly Score[]
  /** Tasks of its lane that go first; undefined when it does not wait. */
  readonly position: number | undefined
  /** The pause or the limit that holds it back. */
  readonly heldBy: string | undefined
  readonly hold: Hold | undefined
  /** The worker that has it, or would get it now. */
  readonly worker: string | undefined
}

/** What would become of a task that is submitted now; nothing is reserved. */
export interface DryRun extends Explanation {
  /** Why it would not be taken at all. */
  readonly refusal: TaskError | undefined
}

/** For `/runs` of tasks in memory and for explanations. */
export interface TaskLookPort {
  /** What waits and runs and is meant, the newest run first, at most `count`, of those older than `before`. */
  newest(count: number, before: string | undefined, isMeant: (task: TaskPicture) => boolean): TaskPicture[]
  find(run: string): TaskPicture | undefined
  /** Changes the priority of a task that waits; false when it does not. */
  reprioritise(run: string, priority: number, now: number): boolean
  explain(run: string, now: number): Explanation | undefined
  /** Where a task would go now. */
  explainDry(submission: Submission, now: number): DryRun
}
