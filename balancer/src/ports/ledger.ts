/**
 * What the core asks of the runs on disk. Answers come back as events (`claimed`, `persisted`),
 * never as return values; nothing here waits. Runs join the store in a later step, so until then
 * compose hands in a ledger that holds nothing.
 */
export interface FinalRecord {
  readonly run: string
  readonly fence: number
  readonly status: 'completed' | 'failed' | 'cancelled' | 'expired'
}

export interface LedgerPort {
  /** Asks for up to `count` more waiting runs of a lane, in the order (priority, accepted). */
  claim(lane: string, count: number): void
  /** Writes an outcome; it becomes final when `persisted` names the run. */
  finish(record: FinalRecord): void
}
