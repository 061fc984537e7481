/**
 * Schedules as their routes see them. Implemented by `runs/schedules/`, used by `http/`. What cannot be read is a
 * rejection with `StoreError`. Instants are Unix milliseconds.
 */
import type { TaskError } from '@berth/protocol'
import type { Accepted, KeyUse, NewRun, Removed } from './runs.ts'
import type {
  MissedPolicy,
  Overlap,
  ScheduleFilter,
  ScheduleFire,
  ScheduleTerms,
  StoredSchedule,
} from './schedule-store.ts'
import type { StoredPayload } from './stored-run.ts'
import type { UsageTotals } from './told.ts'

/** What somebody wants of a schedule; its run has been judged like that of an async task. */
export interface WantedSchedule {
  readonly terms: ScheduleTerms
  readonly overlap: Overlap
  readonly missed: MissedPolicy
  readonly enabled: boolean
  /** What each instant fires. */
  readonly run: NewRun
  /** The task's body as it was given, as JSON, without its input. */
  readonly body: string
}

export interface ShownSchedule extends StoredSchedule {
  /** The next five instants; none while it is not enabled. */
  readonly upcomingMs: readonly number[]
}

export interface FoundSchedule extends ShownSchedule {
  readonly payload: StoredPayload
  /** The newest first, at most 50. */
  readonly fires: readonly ScheduleFire[]
  /** What its runs that have ended have used; null before the first. */
  readonly totals: UsageTotals | null
}

export type Scheduled =
  | { readonly ok: true; readonly schedule: FoundSchedule }
  | { readonly ok: false; readonly error: TaskError }

export type JudgedChange =
  /** `isRestart`: its time was named, so it begins anew. `isSameTask`: it fires what it fired before. */
  | {
      readonly ok: true
      readonly wanted: WantedSchedule
      readonly isRestart: boolean
      readonly isSameTask: boolean
    }
  | { readonly ok: false; readonly error: TaskError }

export type Previewed =
  | { readonly ok: true; readonly instantsMs: readonly number[] }
  | { readonly ok: false; readonly error: TaskError }

/** One schedule within a stretch of time. */
export interface CalendarRow {
  readonly schedule: StoredSchedule
  /** In order; the first of them when `isDense`. */
  readonly instantsMs: readonly number[]
  /** It has more than are told. */
  readonly isDense: boolean
}

/** Undefined answers: there is no such schedule. */
export interface SchedulesPort {
  /** Answers once it is on disk; 429 beyond the bound of schedules. */
  create(wanted: WantedSchedule): Promise<Scheduled>
  /** The newest first, at most `count`, of those made before the schedule `before`. */
  list(filter: ScheduleFilter, count: number, before: string | undefined): Promise<readonly ShownSchedule[]>
  /** The next `count` instants of terms that are given now, or what is wrong with them; keeps nothing. */
  preview(terms: ScheduleTerms, count: number): Previewed
  /** What is due between, of the enabled ones among the newest `atMost`, the soonest first. */
  calendar(
    fromMs: number,
    toMs: number,
    atMost: number,
  ): Promise<{ readonly rows: readonly CalendarRow[]; readonly isCapped: boolean }>
  find(id: string): Promise<FoundSchedule | undefined>
  /** `judge` says what is to become of it; it does not fire and nobody else changes it until that is on disk. */
  change(
    id: string,
    judge: (now: StoredSchedule, payload: StoredPayload) => JudgedChange,
  ): Promise<Scheduled | undefined>
  remove(id: string): Promise<Removed | undefined>
  /** Fires it now, enabled or not, beside its instants; under a key once. */
  trigger(id: string, trigger: 'api' | 'ui', key?: KeyUse): Promise<Accepted | undefined>
}
