/**
 * What is written of runs, in the batches of `StorePort.apply`: each write is one step that happens whole or not at
 * all, and says what it means for a run that is in another state than its writer thought. Made by `runs/`, done by
 * `store/` (SQLite, memory; PostgreSQL later). All is plain data; instants are Unix milliseconds.
 */
import type { StoredFile } from './files.ts'
import type { ScheduleClaim } from './schedule-store.ts'
import type { SessionWrite } from './session-store.ts'
import type { StoredDelivery, StoredTry } from './stored-delivery.ts'
import type { LiveRun, RunEnd, RunOrder, RunProgress, StoredPayload } from './stored-run.ts'
import type { StoredEvent, Told, UsageScope, UsedSoFar } from './told.ts'

/** One key of one caller on one route; at most `IDEMPOTENCY_LIMIT`. */
export interface IdempotencyRow {
  /** Route and API key, hashed with the header's value: hex SHA-256. */
  readonly hash: string
  /** SHA-256 of the body's bytes, hex. */
  readonly bodyHash: string
  /** The runs that it began. */
  readonly runs: readonly string[]
  /** How the first call was answered: at acceptance (202), or with the end; null while it was not. */
  readonly answer: 'accepted' | 'final' | null
  /** 24 h after the final state of the last of them; null while it has none. */
  readonly expiresMs: number | null
}

export interface StoredBulk {
  readonly id: string
  readonly action: 'cancel' | 'retry' | 'delete'
  /** `RunFilter` as JSON. */
  readonly filter: string
  readonly matched: number
  readonly done: number
  readonly failed: number
  readonly state: 'running' | 'done' | 'stopped'
  /** Runs up to this seq are meant: later ones did not exist. */
  readonly upToSeq: number
  /** The last run that was looked at. */
  readonly cursor: string | null
  readonly createdMs: number
  readonly finishedMs: number | null
}

export type RunWrite =
  | SessionWrite
  /**
   * All of them or none. With `key`, its row is written in the same step and refuses all when it exists; with
   * `claim` the one run is what an instant of a schedule fires, and a claim that does not fit refuses it.
   */
  | {
      readonly kind: 'runs-accepted'
      readonly runs: readonly { readonly run: LiveRun; readonly payload: StoredPayload }[]
      readonly key: IdempotencyRow | null
      readonly claim?: ScheduleClaim | undefined
    }
  /** Where a live run stands. Nothing when it is not live. */
  | { readonly kind: 'run-moved'; readonly seq: number; readonly progress: RunProgress }
  /**
   * The end; moves the row. Nothing when the run is not live, or is at a higher fence than `fence` (null: whatever
   * the fence). `delivery` is the first message of its webhook; `keyExpiresMs` of the key that began it, if all that
   * the key began have ended with it.
   */
  | {
      readonly kind: 'run-finished'
      readonly seq: number
      readonly fence: number | null
      readonly end: RunEnd
      readonly events: readonly StoredEvent[]
      readonly delivery: StoredDelivery | null
      readonly keyExpiresMs: number | null
      /** Of a turn: the next one of its session goes in the same step. */
      readonly session?: string | null
      /** Attempts of it may have written files: those of `fence` stay. */
      readonly mayHaveFiles?: boolean | undefined
      /** What it put out and was not written yet. */
      readonly told?: Told | undefined
      /** Whose totals it counts for. */
      readonly scopes?: readonly UsageScope[] | undefined
    }
  /** What a live run has used so far, and what it put out. */
  | { readonly kind: 'run-told'; readonly seq: number; readonly used: UsedSoFar; readonly told: Told }
  /** The totals of a session or schedule are not asked for any more. */
  | { readonly kind: 'usage-forgotten'; readonly scope: UsageScope }
  /**
   * A run of a task in memory that is kept behind its end (`RUN_HISTORY`, or what a durable run called), or, with files, in place of a run on disk,
   * which it counts as from then on.
   */
  | {
      readonly kind: 'run-recorded'
      readonly order: RunOrder
      readonly end: RunEnd
      readonly files?: readonly StoredFile[] | undefined
    }
  /**
   * Takes a live run back that was never acknowledged, or removes a final one with all it has and called. The key that began
   * it alone goes too, unless its final run was answered `accepted`, which can be said again without it.
   */
  | { readonly kind: 'run-removed'; readonly seq: number }
  /** `dropBefore`: events with a lower `n` go; `dropped` are those that went so far, in all. */
  | {
      readonly kind: 'run-events'
      readonly seq: number
      readonly events: readonly StoredEvent[]
      readonly dropBefore: number
      readonly dropped: number
    }
  /** `dropBefore` as of events; how many went is told by the numbers of those that are left. */
  | {
      readonly kind: 'run-lines'
      readonly seq: number
      readonly lines: readonly StoredEvent[]
      readonly dropBefore: number
    }
  /** Inserts or replaces; `attempt` is the try that led to it. The newest 100 tries of a delivery are kept. */
  | { readonly kind: 'delivery-set'; readonly delivery: StoredDelivery; readonly attempt: StoredTry | null }
  /** Nothing is delivered to that URL any more: the pending ones become `disabled`. */
  | { readonly kind: 'url-disabled'; readonly url: string; readonly sinceMs: number }
  /** Somebody asked for a redelivery, and the receiver took it. */
  | { readonly kind: 'url-enabled'; readonly url: string }
  /** An expiry that is known stays when the row has none. */
  | { readonly kind: 'key-set'; readonly row: IdempotencyRow }
  | { readonly kind: 'key-removed'; readonly hash: string }
  | { readonly kind: 'bulk-set'; readonly bulk: StoredBulk }
  /** Removes at most `limit` final runs, the oldest first: those that ended before, and those beyond the count. */
  | {
      readonly kind: 'retention'
      readonly endedBeforeMs: number
      /**
       * Instead of it for a run that a key began: its end is an answer for as long as the key is good. It stays in
       * any case while the key is good, unless that was answered `accepted`.
       */
      readonly keyedEndedBeforeMs: number
      readonly keepAtMost: number
      readonly keysExpiredMs: number
      readonly limit: number
    }
