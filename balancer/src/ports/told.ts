/**
 * What a run tells on its way, as it is kept: events and lines, what it put out, what it has used. Written by `runs/`
 * in batches, rows of `store/`. What is kept has a bound; what was dropped leaves a gap in the numbers.
 */
import type { Usage } from '@berth/protocol'

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
