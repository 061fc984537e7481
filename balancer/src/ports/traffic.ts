/**
 * Counters of the tasks, kept by the core and read by whoever shows them: no event a task. Totals
 * only grow; what happened in a second is the difference of two readings.
 */
export interface Traffic {
  readonly submitted: number
  readonly completed: number
  /** Every other end: failed, timed out, lost, shed after acceptance. */
  readonly failed: number
  /** Left by their callers. */
  readonly cancelled: number
  readonly waiting: number
  readonly running: number
}

export interface TrafficPort {
  traffic(): Traffic
}
