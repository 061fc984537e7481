/**
 * What the core has counted since it began, for whoever makes series of it: plain numbers that only grow, read
 * once a second. No event a task; a difference of two readings is what happened between them.
 */

/** Of one function under one contract, over all its lanes; all empty for what never had a lane. */
export interface FunctionTally {
  readonly group: string
  readonly contract: number
  readonly function: string
  readonly submitted: number
  readonly completed: number
  /** Without those that expired. */
  readonly failed: number
  readonly cancelled: number
  readonly expired: number
  /** Counts by bucket of `HISTOGRAM`, of tasks that ended; they wrap at 2^32. Waits: from acceptance to the last start. */
  readonly queue: Uint32Array
  /** Time in the handler, of those that ran. */
  readonly run: Uint32Array
}

/** Attempts that ended at one worker. */
export interface AttemptTally {
  readonly ok: number
  /** Threw, or was lost. */
  readonly error: number
  readonly timeout: number
  readonly cancelled: number
}

export interface TalliesPort {
  tallies(): Iterable<FunctionTally>
  /** Where somebody waits; instants are the core's own. A function may be told several times. */
  backlog(visit: (tally: FunctionTally, waiting: number, oldestAt: number) => void): void
  /** Undefined for an unknown worker. */
  attemptTally(worker: string): AttemptTally | undefined
}
