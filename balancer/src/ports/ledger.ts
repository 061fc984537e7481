/**
 * What the core asks of the runs on disk. Answers come back as events (`claimed`, `persisted`, `noted`, `written`),
 * never as return values; nothing here waits, and nothing of it is called for a task in memory.
 * Instants are the core's own monotonic milliseconds.
 */
import type { CompiledSelector } from '@berth/protocol'
import type { AttemptRecord, EndedTask } from './record.ts'
import type { Settlement, Submission } from './submission.ts'

export interface FinalRecord {
  readonly run: string
  readonly fence: number
  readonly status: 'completed' | 'failed' | 'cancelled' | 'expired'
}

/** A durable task inside the core, as it is at the moment at which it is looked at. */
export interface LiveTask {
  readonly submission: Submission
  readonly priority: number
  /** Its attempt is at a worker, begun or not. */
  readonly isAtWorker: boolean
  /** Attempts that have begun; failures and losses of them that count. */
  readonly attempts: number
  readonly failures: number
  readonly losses: number
  readonly worker: { readonly id: string } | undefined
  /** Of its newest attempt, 0 before the first. */
  readonly fence: number
  readonly hasStarted: boolean
  readonly startedAt: number
  readonly history: readonly AttemptRecord[]
}

/** What the runs of one line need. */
export interface ClaimNeeds {
  readonly group: string
  readonly contract: number
  readonly function: string
  readonly selector: CompiledSelector
}

export interface LedgerPort {
  /** Asks for up to `count` more waiting runs of a lane, in the order (priority, accepted). */
  claim(lane: string, count: number, needs: ClaimNeeds): void
  /** Writes an outcome; it becomes final when `persisted` names the run. */
  finish(record: FinalRecord, task: EndedTask, settlement: Settlement, now: number): void
  /** Writes that it is at a worker, before it is sent there: `written` tells when that is on disk. */
  writeFirst(task: LiveTask, worker: string, attemptId: number): void
  /** It was sent, has begun, waits again: its row may say so a little later, when it is looked at. */
  moved(task: LiveTask): void
  /**
   * An attempt is over, and by what its worker says of it the run is not: written at once, and when that is on
   * disk `noted` tells it, so that the worker may forget the attempt.
   */
  attemptOver(task: LiveTask, worker: string, attemptId: number, fence: number): void
  /** From now on it waits on disk only, in this lane. */
  pushedBack(task: LiveTask, lane: string): void
  /** A worker told the end of an attempt that counts no more. */
  late(run: string, worker: string, fence: number): void
}
