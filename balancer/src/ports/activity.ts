/**
 * Who did what, when and why; and what happened by itself. Implemented by `observe/` (what is noted, on its way to
 * the store) and `store/` (what is kept); noted by `http/` and `observe/`, read by `http/`. All is plain data.
 */
import type { ActivityItem, ActivityKind, ActivityTarget, ActivityTargetKind } from '@berth/protocol'

/** What somebody did, without who and when. */
export interface ActivityNote {
  /** Such as `worker.off`. */
  readonly action: string
  readonly target: ActivityTarget
  /** A sentence, with its dot. */
  readonly summary: string
  /** What was there before and is there now, as JSON, where that costs nothing; cut off when it is long. */
  readonly before?: unknown
  readonly after?: unknown
  /** Goes before the header `x-reason`. */
  readonly reason?: string | null | undefined
}

export interface ActivityFilter {
  readonly kind?: ActivityKind | undefined
  /** The whole word, or its beginning up to a dot: `worker` means `worker.off` too. */
  readonly action?: string | undefined
  readonly actor?: string | undefined
  readonly targetKind?: ActivityTargetKind | undefined
  readonly targetId?: string | undefined
  /** Each of its words stands somewhere in who, what, why or at what, in any case. */
  readonly q?: string | undefined
  /** Both included. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

export type ActivityEntry = Omit<ActivityNote, 'reason'> &
  Pick<ActivityItem, 'kind' | 'actor' | 'role' | 'reason' | 'address'>

export interface ActivityPort {
  /** Never waits and never fails: what cannot be kept is counted and said. */
  record(entry: ActivityEntry): void
  /** The newest first, of those whose id is lower than `before`. Rejected with `StoreError`. */
  list(filter: ActivityFilter, limit: number, before: string | null): Promise<readonly ActivityItem[]>
}

export type ActivityWrite =
  /** One that is there already stays as it is. */
  | { readonly kind: 'activity-noted'; readonly items: readonly ActivityItem[] }
  /** Removes what is older, and the oldest beyond the newest `keep`; at most `limit` of them. */
  | {
      readonly kind: 'activity-trimmed'
      readonly before: string
      readonly keep: number
      readonly limit: number
    }

export interface ActivityReads {
  /** The newest first, of those whose id is lower than `before`. */
  activity(filter: ActivityFilter, limit: number, before: string | null): Promise<readonly ActivityItem[]>
}
