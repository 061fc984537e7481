/**
 * Schedules on disk: what is written of them, what is read. Part of `StoreWrite` and `RunReads`; implemented by
 * `store/` (SQLite, memory), used by `runs/schedules/` only. All is plain data; instants are Unix milliseconds.
 *
 * An instant of a schedule is claimed once, in the same step that brings the run which it fires and moves the
 * schedule on: whoever claims it a second time is refused with all of his write.
 */
import type { FIRE_OUTCOMES, MISSED_POLICIES, OVERLAP_POLICIES } from '@berth/protocol'
import type { StoredPayload } from './stored-run.ts'

export type ScheduleTerms =
  /** `timezone` null: that of the process. */
  | { readonly type: 'cron'; readonly cron: string; readonly timezone: string | null }
  | { readonly type: 'interval'; readonly intervalSeconds: number }
  | { readonly type: 'delayed'; readonly delayInSeconds: number }
  /** An ISO instant. */
  | { readonly type: 'scheduled'; readonly date: string }

export type Overlap = (typeof OVERLAP_POLICIES)[number]
export type MissedPolicy = (typeof MISSED_POLICIES)[number]

/** What an operator or caller decides of a schedule. */
export interface ScheduleOrder {
  readonly id: string
  readonly group: string
  readonly function: string
  /** Whose turns its runs are; null for none. */
  readonly session: string | null
  readonly terms: ScheduleTerms
  readonly overlap: Overlap
  readonly missed: MissedPolicy
  readonly enabled: boolean
  /** The run that each instant fires, as JSON: `NewRun` without its payload. */
  readonly order: string
  /** The task's body as it was given, as JSON, without its input. */
  readonly body: string
  readonly createdMs: number
  readonly updatedMs: number
  /** When its terms were given, or it was enabled anew. */
  readonly anchorMs: number
}

export interface ScheduleCounts {
  readonly fired: number
  /** Instants at which another run of it was still going, under `overlap: skip`, or too many waited. */
  readonly skipped: number
  readonly missed: number
  /** Instants whose run was not accepted. */
  readonly refused: number
}

/** What changes as it fires. */
export interface ScheduleProgress {
  /** The next instant that has not been claimed; null when there is none or it is not enabled. */
  readonly nextMs: number | null
  /** The last one that was. */
  readonly lastMs: number | null
  /** When a schedule that fires once had fired; null before, and for others. */
  readonly doneMs: number | null
  readonly lastRun: string | null
  readonly counts: ScheduleCounts
}

export interface StoredSchedule extends ScheduleOrder, ScheduleProgress {
  /** Instants that wait for the end of an earlier run. */
  readonly waiting: number
}

/** `waiting`: under `overlap: queue`, for the end of an earlier run; the only one that is claimed a second time. */
export type FireOutcome = (typeof FIRE_OUTCOMES)[number]

/** An instant of a schedule and what became of it. */
export interface ScheduleFire {
  readonly schedule: string
  readonly instantMs: number
  readonly atMs: number
  readonly outcome: FireOutcome
  readonly run: string | null
  /** Instants that it stands for: those of a time that was missed are one entry, at the last of them. */
  readonly count: number
  /** Why it was not fired; null of one that was. */
  readonly detail: string | null
}

/** A claim, and where its schedule stands from then on. */
export interface ScheduleClaim extends ScheduleFire {
  /** What its `nextMs` must be for the claim to count, unless it waited. */
  readonly expectedMs: number | null
  readonly nextMs: number | null
  /** It fires no more: `enabled` becomes false. */
  readonly isDone: boolean
}

export type ScheduleWrite =
  /** Inserts or replaces, with its payload unless that stays; counts and history stay. */
  | {
      readonly kind: 'schedule-set'
      readonly schedule: ScheduleOrder
      readonly nextMs: number | null
      readonly doneMs: number | null
      /** Instants that wait are given up. */
      readonly dropsWaiting: boolean
      /** Null: stays as it is. */
      readonly payload: StoredPayload | null
    }
  | { readonly kind: 'schedule-removed'; readonly id: string }
  /** An instant that fires no run. Refused when it was claimed before or is not the next one. */
  | { readonly kind: 'schedule-passed'; readonly claim: ScheduleClaim }
  /** Takes a run back that was accepted with a claim and of which nobody was told, and the claim with it. */
  | { readonly kind: 'schedule-unfired'; readonly seq: number; readonly claim: ScheduleClaim }
  /** Removes those that fired once and for all before then, at most `limit`. */
  | { readonly kind: 'schedule-retention'; readonly doneBeforeMs: number; readonly limit: number }

/** What there is at the start of a balancer. */
export interface SchedulesAtStart {
  readonly count: number
  readonly nextMs: number | null
  /** The last instant of all that was claimed. */
  readonly lastMs: number | null
  /** Those with instants that wait. */
  readonly waiting: readonly string[]
}

export interface ScheduleFilter {
  readonly group?: string | undefined
  readonly function?: string | undefined
  readonly session?: string | undefined
  readonly type?: ScheduleTerms['type'] | undefined
  readonly enabled?: boolean | undefined
}

/** One to be looked at, with what that needs. */
export interface DueSchedule {
  readonly schedule: StoredSchedule
  readonly payload: StoredPayload
  /** A run of it is not final. */
  readonly isBusy: boolean
  /** The first instant that waits. */
  readonly waitingMs: number | null
}

export interface ScheduleReads {
  schedule(id: string): Promise<StoredSchedule | null>
  schedulePayload(id: string): Promise<StoredPayload | null>
  /** The newest first, of those whose id is lower than `before`. */
  schedules(filter: ScheduleFilter, limit: number, before: string | null): Promise<readonly StoredSchedule[]>
  /**
   * Those whose next instant has come, the earliest first, and when the first of all others is due. Fewer than
   * `limit`, and at least one, when their payloads are large.
   */
  dueSchedules(
    untilMs: number,
    limit: number,
  ): Promise<{ readonly due: readonly DueSchedule[]; readonly nextMs: number | null }>
  /** One as `dueSchedules` gives it, due or not. */
  dueSchedule(id: string): Promise<DueSchedule | null>
  scheduleCount(): Promise<number>
  /** The newest entries first. */
  scheduleFires(id: string, limit: number): Promise<readonly ScheduleFire[]>
}
