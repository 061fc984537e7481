/**
 * The queue of runs on disk: what there is when a balancer starts, lanes that are claimed from, runs that fall due.
 * Writes travel in the batches of `StorePort.apply` (run-writes.ts), reads are promises (run-reads.ts), and what is
 * asked here is answered by events, as it is after every batch applied before. Implemented by `store/`, used by
 * `runs/` only. All is plain data; a row is described in stored-run.ts.
 */
import type { RunReads } from './run-reads.ts'
import type { StoredBulk } from './run-writes.ts'
import type { SessionStoreEvents, SessionStorePort } from './session-store.ts'
import type { ClaimedRun } from './stored-run.ts'

/** What the runs are at the start of a balancer; part of `StoreContents`. */
export interface RunsAtStart {
  /** Highest of all, or 0. */
  readonly lastSeq: number
  /** The highest id of all, or null: new ones are made to sort behind it. */
  readonly lastId: string | null
  /** Runs that are not final. */
  readonly live: number
  /** Needs of every lane with a queued run. */
  readonly lanes: readonly RunLane[]
  /** Runs of status running, with their payloads. */
  readonly running: readonly ClaimedRun[]
  readonly nextDueMs: number | null
  readonly nextDeliveryMs: number | null
  readonly disabledUrls: readonly string[]
  readonly keys: number
  /** Those that run. */
  readonly bulks: readonly StoredBulk[]
}

/** What runs of one line need; `lane` is the store's number for it. */
export interface RunLane {
  readonly lane: number
  readonly group: string
  readonly function: string
  readonly contract: number
  readonly tags: Readonly<Record<string, unknown>> | null
}

/** What the store tells by itself. */
export interface RunStoreEvents extends SessionStoreEvents {
  /**
   * The answer to a claim, in the order (priority, seq). None, with `hasMore`, when the store could not be read:
   * claim again in a second.
   */
  onClaimed(claim: number, runs: readonly ClaimedRun[], hasMore: boolean): void
  /** The answer to `takeDue`: they are queued now. `nextMs`: the next instant at which one is due. */
  onDue(runs: readonly ClaimedRun[], nextMs: number | null): void
}

/** What `runs/` asks of the store, beside `StorePort.apply`. */
export interface RunStorePort extends SessionStorePort {
  readonly reads: RunReads
  /**
   * Answers by `onClaimed` with up to `count` queued runs of a lane behind the position, in the order
   * (priority, seq), as they are after every batch applied before.
   */
  claim(claim: number, lane: RunLaneNeeds, count: number, after: RunPosition | null): void
  /** Makes up to `limit` scheduled runs that are due by then queued, and answers by `onDue` once that is on disk. */
  takeDue(untilMs: number, limit: number): void
}

export type RunLaneNeeds = Omit<RunLane, 'lane'>

export interface RunPosition {
  readonly priority: number
  readonly seq: number
}
