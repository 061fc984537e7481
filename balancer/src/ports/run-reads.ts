/**
 * What is read of runs on disk. The reads are promises, answered by a second connection that only reads, so that no
 * list delays a commit. Implemented by `store/`, used by `runs/`.
 */
import type { RunStatus } from '@berth/protocol'
import type { ActivityReads } from './activity.ts'
import type { FileReads } from './files.ts'
import type { RunFilter } from './run-filter.ts'
import type { IdempotencyRow, StoredBulk } from './run-writes.ts'
import type { ScheduleReads } from './schedule-store.ts'
import type { SessionReads } from './session-store.ts'
import type { StatsReads } from './stats.ts'
import type { StoredDelivery, StoredTry } from './stored-delivery.ts'
import type { LiveRun, StoredPayload, StoredRun } from './stored-run.ts'
import type { StoredEvent, ToldItem, UsageScope, UsageTotals } from './told.ts'
import type { ConfigReads } from './workers-config.ts'

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
  list(filter: RunFilter, limit: number, before: string | null): Promise<readonly StoredRun[]>
  /** Exact up to `atMost`, else `atMost`. */
  count(filter: RunFilter, atMost: number): Promise<number>
  /**
   * The newest that are meant, added up by bucket and status: `atMost` of them, fewer where words are looked for.
   * Bucket n goes from edge n to edge n + 1, which is not included.
   */
  tally(filter: RunFilter, edgesMs: readonly number[], atMost: number): Promise<RunTally>
  /** All that are meant. */
  parts(filter: RunFilter): Promise<RunParts>
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
