/**
 * What an operator sets for groups, functions and fairness keys, whatever permits it is made of (limits.ts).
 * `core/scheduler.ts` implements it, the settings of `http/` call it. `now` is the core's monotonic clock.
 */
import type { LimitFacts, LimitTerms } from './limits.ts'

/** What an operator may limit: a group, a function of it, or a fairness key within either. */
export interface LimitTarget {
  readonly group: string
  readonly function?: string | undefined
  readonly fairnessKey?: string | undefined
}

/** All that holds for a target from now on; what is left out is no limit. */
export interface Limits extends LimitTerms {
  /** Of a fairness key: twice the weight is twice the share; 1 unless given. A function's goes before its group's. */
  readonly weight?: number | undefined
  /** The contract of tasks that name none; a function's goes before its group's. */
  readonly defaultContract?: number | undefined
}

/** For an operator's routes. */
export interface OperatorPort {
  /** Replaces every limit of a target. While paused, tasks in memory are refused and others wait. */
  setLimits(target: LimitTarget, limits: Limits, now: number): void
  limits(target: LimitTarget, now: number): LimitFacts
}
