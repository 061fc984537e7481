/**
 * Runs on disk: what is written of them, what is read. The writes travel in the batches of `StorePort.apply`;
 * the reads are promises, answered by a second connection that only reads, so that no list delays a commit.
 * Implemented by `store/` (SQLite, memory; PostgreSQL later), used by `runs/` only. All is plain data.
 *
 * A run is in the live table until it is final and moves to the done table in the one write that also brings
 * its result, its last event and its first delivery. `seq` is the order of acceptance over restarts; ids sort the
 * same way, so a list's cursor is an id. Instants are Unix milliseconds, durations milliseconds.
 */
import type { Mode, RunStatus, TaskError, Usage } from '@berth/protocol'
import type { ActivityReads } from './activity.ts'
import type { FileReads, StoredFile, UploadedFile } from './files.ts'
import type { AttemptOutcome } from './record.ts'
import type { ScheduleClaim, ScheduleReads } from './schedule-store.ts'
import type { SessionReads, SessionStoreEvents, SessionStorePort, SessionWrite } from './session-store.ts'
import type { StatsReads } from './stats.ts'
import type { ConfigReads } from './workers-config.ts'

export type RunTrigger = 'api' | 'schedule' | 'webhook' | 'email' | 'call' | 'ui'

/** Where a caller wants to hear of the end. */
export interface WebhookOrder {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly format: 'standard' | 'result'
  /** The balancer as the caller addressed it (`https://berth.example`): where a result too long for a message is. */
  readonly origin?: string | undefined
}

/** The bytes of an input. */
export interface StoredPayload {
  /** Empty for JSON, which is the input itself and never a whole body. */
  readonly mediaType: string
  readonly bytes: Uint8Array
  /** What goes before bytes that are no JSON (docs/protocol.md, Bytes). */
  readonly head: Uint8Array | null
}

/** What never changes of a run, as it was accepted. */
export interface RunOrder {
  readonly seq: number
  readonly id: string
  readonly group: string
  readonly function: string
  readonly contract: number
  /** The selector as the caller wrote it; null for any worker. */
  readonly tags: Readonly<Record<string, unknown>> | null
  readonly fairnessKey: string | null
  readonly mode: Mode
  readonly trigger: RunTrigger
  /** As the body names them. */
  readonly attempts: number | null
  readonly idempotent: boolean | null
  readonly timeoutMs: number | null
  /** As its id tells it. */
  readonly acceptedMs: number
  /** End of the whole task; null for none. */
  readonly deadlineMs: number | null
  /** Gives up waiting for a slot then (a sync call made durable); null for never. */
  readonly queueUntilMs: number | null
  /** When it is due, of a delayed one; it is `scheduled` until then. */
  readonly dueMs: number | null
  readonly session: string | null
  readonly schedule: string | null
  readonly scheduledForMs: number | null
  readonly parent: string | null
  readonly retryOf: string | null
  readonly budget: string | null
  readonly metadata: Readonly<Record<string, string>>
  readonly trace: string
  readonly webhook: WebhookOrder | null
  /** The body of its call was the input itself (`POST /task/{group}/{function}`). */
  readonly isRouted?: boolean | undefined
  /** What was sent along; its rows are written beside the run's. */
  readonly uploads?: readonly UploadedFile[] | undefined
}

export interface StoredAttempt {
  readonly n: number
  readonly worker: string | null
  readonly startedMs: number | null
  readonly finishedMs: number
  readonly outcome: AttemptOutcome
}

/** What changes while a run is live. */
export interface RunProgress {
  readonly status: 'scheduled' | 'queued' | 'running'
  readonly priority: number
  /** Attempts that have begun. */
  readonly attempt: number
  /** Failures and losses that count against what the function allows. */
  readonly failures: number
  readonly losses: number
  /** Who has it: the worker's key, the boot id of its process, and the fence of the attempt. */
  readonly worker: string | null
  readonly boot: string | null
  readonly fence: number | null
  readonly startedMs: number | null
  /** Attempts that are over. */
  readonly history: readonly StoredAttempt[]
}

export interface LiveRun extends RunOrder, RunProgress {
  /** Of one that has told what it uses, or has a budget; as it was written last. */
  readonly used?: UsedSoFar | null | undefined
}

/** What a live run has used, so that nothing of it begins anew with a balancer. */
export interface UsedSoFar {
  /** By all attempts, and by all that they called. */
  readonly total: Usage
  /** The newest attempt that told anything, and what it has told of itself. */
  readonly attempt: number
  readonly now: Usage
  /** Milliseconds in handlers until then. */
  readonly runMs: number
  readonly atMs: number
  /** That attempt's messages, those that are not kept included. */
  readonly messages: number
}

/** Something that a run put out; `n` rises within a run. `data` is JSON. */
export interface ToldItem {
  readonly n: number
  readonly kind: 'message' | 'source'
  readonly data: string
}

/** What a write adds to what a run put out; what of each kind has a lower `n` goes. */
export interface Told {
  readonly items: readonly ToldItem[]
  readonly dropBefore: Readonly<Record<ToldItem['kind'], number>>
}

/** Whose runs are added up. */
export interface UsageScope {
  readonly kind: 'session' | 'schedule'
  readonly name: string
}

/** What the runs of a session or schedule that have ended have used in all. */
export interface UsageTotals {
  readonly runs: number
  readonly usage: Usage | null
  /** When the first and the last one ended. */
  readonly sinceMs: number
  readonly untilMs: number
}

export interface ClaimedRun extends LiveRun {
  readonly payload: StoredPayload
  /** Of a session: who ran the last turn that completed. */
  readonly prefer?: string
}

/** The end of a run. */
export interface RunEnd {
  readonly status: 'completed' | 'failed' | 'cancelled' | 'expired'
  readonly finishedMs: number
  readonly startedMs: number | null
  readonly queueMs: number
  readonly runMs: number
  readonly attempt: number
  readonly worker: string | null
  readonly priority: number
  readonly history: readonly StoredAttempt[]
  readonly error: TaskError | null
  /** Null without one, and for an error that has none. */
  readonly result: { readonly mediaType: string; readonly bytes: Uint8Array } | null
  /** JSON of the choice of its last worker (`choiceSchema`), when that was noted. */
  readonly explain: string | null
  /** What its attempts waited for setups, 0 for none; null or absent when nobody knows. */
  readonly coldStartMs?: number | null
  /** By all attempts and all that they called; missing when nothing was told. */
  readonly usage?: Usage | null | undefined
  /** Messages of the last attempt, those that are not kept included. */
  readonly messages?: number | undefined
}

/** A run that is not live: what a list shows of it. */
export interface DoneRun extends RunOrder, Omit<RunEnd, 'result'> {
  /** False of a task in memory that was recorded behind its end. */
  readonly isDurable: boolean
  /** Of its newest message. */
  readonly webhookState: DeliveryState | null
  /** Tries of all its messages. */
  readonly deliveries: number
  /** The size of its result; null without one. */
  readonly resultBytes: number | null
}

export type StoredRun =
  | { readonly kind: 'live'; readonly run: LiveRun }
  | { readonly kind: 'done'; readonly run: DoneRun }

// --- Events and lines ----------------------------------------------------------------------------

export type RunEventType =
  | 'status'
  | 'chunk'
  | 'log'
  | 'progress'
  | 'usage'
  | 'message'
  | 'source'
  | 'file'
  | 'result'
  | 'error'

/** `n` rises by one from 1 within a run; dropped ones leave a gap. */
export interface StoredEvent {
  readonly n: number
  readonly type: RunEventType
  readonly atMs: number
  /** JSON text, or raw bytes of a chunk as text or base64 (its writer knows). */
  readonly data: string
}

// --- Deliveries ----------------------------------------------------------------------------------

export type DeliveryState = 'pending' | 'delivered' | 'failed' | 'refused' | 'disabled'

/** One message to one URL: keeps its id over all tries, and so does whoever receives it. */
export interface StoredDelivery {
  /** `d_` and 26 base32 characters; sorts by time. Sent as `webhook-id`. */
  readonly id: string
  readonly seq: number
  readonly run: string
  readonly type: 'task.completed' | 'task.failed' | 'task.cancelled' | 'task.expired'
  readonly url: string
  /** The origin of `url`; what goes to one receiver shares its bounds. */
  readonly receiver: string
  readonly createdMs: number
  readonly state: DeliveryState
  /** In all: what a run shows as `webhook.deliveries`. */
  readonly tries: number
  /** Those that failed since it was made, or was last asked for again: where on the ladder it stands. */
  readonly failures: number
  /** When it is tried next; null when it is not. */
  readonly nextMs: number | null
  /** Of the last try. */
  readonly lastStatus: number | null
  readonly lastError: string | null
}

export interface StoredTry {
  readonly n: number
  readonly atMs: number
  readonly durationMs: number
  readonly status: number | null
  readonly error: string | null
}

// --- Idempotency -----------------------------------------------------------------------------------

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

// --- Bulk ------------------------------------------------------------------------------------------

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

// --- Writes ----------------------------------------------------------------------------------------

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

// --- Reads -----------------------------------------------------------------------------------------

export interface StoredFilter {
  readonly status?: readonly RunStatus[] | undefined
  readonly function?: string | undefined
  readonly group?: string | undefined
  /** As it is shown (`shownId`). */
  readonly worker?: string | undefined
  readonly session?: string | undefined
  readonly schedule?: string | undefined
  /** The run that called it, of those that were recorded. */
  readonly parent?: string | undefined
  /** The code of its error, all of it. */
  readonly error?: string | undefined
  /** Each of its words begins a word of the id, the function, metadata or the error (`wordsOf`). */
  readonly q?: string | undefined
  /** Of acceptance, both included. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

/** How many runs of each status were accepted in each bucket; none of what is zero. */
export interface RunTally {
  readonly cells: readonly { readonly bucket: number; readonly status: RunStatus; readonly count: number }[]
  /** Of more than are counted: from when on all that are meant are; null when all are. */
  readonly cappedMs: number | null
}

/** Runs by function and status, and when the oldest and the newest of them were accepted. */
export interface RunParts {
  readonly parts: readonly {
    readonly group: string
    readonly function: string
    readonly status: RunStatus
    readonly count: number
  }[]
  readonly oldestMs: number | null
  readonly newestMs: number | null
}

/** A read is rejected with `StoreError` when the store is closed, too busy (`maxPendingReads`) or broken. */
export interface RunReads
  extends ActivityReads,
    ConfigReads,
    FileReads,
    ScheduleReads,
    SessionReads,
    StatsReads {
  /** The newest first, of those whose id is lower than `before`. */
  list(filter: StoredFilter, limit: number, before: string | null): Promise<readonly StoredRun[]>
  /** Exact up to `atMost`, else `atMost`. */
  count(filter: StoredFilter, atMost: number): Promise<number>
  /**
   * The newest that are meant, added up by bucket and status: `atMost` of them, fewer where words are looked for.
   * Bucket n goes from edge n to edge n + 1, which is not included.
   */
  tally(filter: StoredFilter, edgesMs: readonly number[], atMost: number): Promise<RunTally>
  /** All that are meant. */
  parts(filter: StoredFilter): Promise<RunParts>
  find(id: string): Promise<StoredRun | null>
  payload(id: string): Promise<StoredPayload | null>
  result(id: string): Promise<{ readonly mediaType: string; readonly bytes: Uint8Array } | null>
  /** In order, of those with a higher `n` than `after`; `dropped` is what went before the first one kept. */
  events(
    id: string,
    after: number,
    limit: number,
  ): Promise<{ readonly events: readonly StoredEvent[]; readonly dropped: number }>
  /** Of what is kept of a run's events and lines: highest numbers, count and length of the data; zeros for none. */
  eventTotals(id: string): Promise<{
    readonly lastEvent: number
    readonly events: number
    readonly bytes: number
    readonly dropped: number
    readonly lastLine: number
  }>
  /** The newest, in order; `dropped` counts the numbers that are missing up to the last one. */
  lines(
    id: string,
    limit: number,
  ): Promise<{ readonly lines: readonly StoredEvent[]; readonly dropped: number }>
  /** What a run put out, in order; of a URL that was named twice both. */
  told(id: string): Promise<readonly ToldItem[]>
  /** Null when no run of it has ended, or it has been idle for so long that none is kept. */
  usageTotals(scope: UsageScope): Promise<UsageTotals | null>
  deliveries(id: string): Promise<readonly (StoredDelivery & { readonly attempts: readonly StoredTry[] })[]>
  delivery(id: string): Promise<StoredDelivery | null>
  /** Pending ones due by then, the earliest first, but none to these receivers (at most 1,000), which are busy. */
  dueDeliveries(untilMs: number, limit: number, except: readonly string[]): Promise<readonly StoredDelivery[]>
  /** Those that were made between, both included, in the order of instant and id, behind the place `after`. */
  deliveriesBetween(
    fromMs: number,
    toMs: number,
    url: string | null,
    after: Pick<StoredDelivery, 'createdMs' | 'id'> | null,
    limit: number,
  ): Promise<readonly StoredDelivery[]>
  /** When the next pending one is due, of those due later than `afterMs`. */
  nextDeliveryMs(afterMs: number): Promise<number | null>
  /** Runs that wait, queued or scheduled, whose deadline or end of waiting has passed by then, the earliest first. */
  overdue(untilMs: number, limit: number): Promise<readonly LiveRun[]>
  key(hash: string): Promise<IdempotencyRow | null>
  /** How many keys are kept. */
  keyCount(): Promise<number>
  bulk(id: string): Promise<StoredBulk | null>
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
