/**
 * What the core tells of tasks that ended, for whoever keeps a record of them. Called within the
 * core's own turn: an implementation looks at the task, copies what it keeps, and holds on to nothing
 * of it (its payload is as large as the caller made it). Instants are the core's own.
 */
import type { CallTree } from './calls.ts'
import type { FinalRecord } from './ledger.ts'
import type { Settlement, Submission } from './submission.ts'
import type { Score } from './task-look.ts'

/** How an attempt ended. An attempt that never started is none and is not listed. */
export type AttemptOutcome = 'completed' | 'failed' | 'timeout' | 'lost' | 'cancelled'

export interface AttemptRecord {
  /** From 1. */
  readonly n: number
  readonly worker: string | undefined
  /** Undefined when nobody knows whether it began. */
  readonly startedAt: number | undefined
  readonly finishedAt: number
  readonly outcome: AttemptOutcome
}

/** Why this worker: what the choice saw before it reserved the slot. */
export interface ChoiceRecord {
  readonly at: number
  readonly winner: Score
  /** The next best of those who could have had it, at most four. */
  readonly runnersUp: readonly Score[]
}

/** A task as it ends. Every attempt before the last is in `history`, the last one too if it is over. */
export interface EndedTask {
  readonly submission: Submission
  /** Order of acceptance over all of the process; no two tasks have one, whoever called them. */
  readonly seq: number
  /** Of the newest attempt. */
  readonly fence?: number | undefined
  readonly priority: number
  readonly acceptedAt: number
  readonly startedAt: number
  readonly hasStarted: boolean
  readonly attempts: number
  /** With all that comes of its calls; undefined when it called nothing. */
  readonly tree?: CallTree | undefined
  /** What its attempts waited for setups; undefined when nobody knows. */
  readonly coldStartMs?: number | undefined
  readonly history: readonly AttemptRecord[]
  /** Of the last attempt, when it was asked for. */
  readonly choice: ChoiceRecord | undefined
  readonly lane: { readonly needs: { readonly contract: number } } | undefined
}

export interface RecordPort {
  /** Whether the choice that is made now is to be noted; asked once a dispatch. */
  wantsChoice(now: number): boolean
  /** Called before the caller hears of the end. */
  ended(task: EndedTask, settlement: Settlement, status: FinalRecord['status'], now: number): void
}
