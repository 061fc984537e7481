/**
 * What crosses between the store's main-thread side and its threads: plain data, in order. The main side numbers
 * batches, claims and reads; each is answered exactly once.
 */
import type { RunReads } from '../ports/run-reads.ts'
import type { RunLaneNeeds, RunPosition } from '../ports/run-store.ts'
import type { SessionAsk, SessionTurn } from '../ports/session-store.ts'
import type { StoreContents } from '../ports/store.ts'
import type { ClaimedRun } from '../ports/stored-run.ts'
import type { StoreErrorCode } from './store-error.ts'
import type { PackedPart } from './write-packing.ts'

/** Handed to the threads as their `workerData`. */
export interface ThreadSettings {
  readonly path: string
  /** How long a statement waits for another process's lock. */
  readonly busyTimeoutMs: number
  /** Milliseconds since 1970, for what has expired meanwhile. */
  readonly openedAtMs: number
  /** From here on the length of the write-ahead log is told. */
  readonly longLogBytes: number
  /** Whether batches go to the journal first: while much is written, always or never. */
  readonly journaling: 'busy' | 'always' | 'never'
}

export interface BatchMessage {
  readonly kind: 'batch'
  readonly batch: number
  readonly parts: readonly PackedPart[]
}

export type ToThread =
  | BatchMessage
  | {
      readonly kind: 'claim'
      readonly claim: number
      readonly lane: RunLaneNeeds
      readonly count: number
      readonly after: RunPosition | null
    }
  | { readonly kind: 'due'; readonly untilMs: number; readonly limit: number }
  | { readonly kind: 'turns'; readonly asked: readonly SessionAsk[] }
  /** Somebody wants to read what is on disk by now. */
  | { readonly kind: 'settle'; readonly id: number }
  /** The log has grown long and nearly all of it is in the file. */
  | { readonly kind: 'shorten-log' }
  /** What was written cannot be relied on any more. */
  | { readonly kind: 'give-up'; readonly why: string }
  | { readonly kind: 'close' }

export type FromThread =
  | { readonly kind: 'opened'; readonly contents: StoreContents }
  | { readonly kind: 'refused'; readonly code: StoreErrorCode; readonly detail: string }
  /** `isBehind`: it is in the journal, or something before it. */
  | { readonly kind: 'persisted'; readonly batch: number; readonly isBehind: boolean }
  /** What was on disk when that was asked can be read; why not, otherwise. */
  | { readonly kind: 'settled'; readonly id: number; readonly detail: string | undefined }
  /** Of a batch that was persisted, something cannot be read and never will be. */
  | { readonly kind: 'refused-late'; readonly batch: number; readonly detail: string }
  | { readonly kind: 'failed'; readonly batch: number; readonly detail: string }
  | {
      readonly kind: 'claimed'
      readonly claim: number
      readonly runs: readonly ClaimedRun[]
      readonly hasMore: boolean
    }
  | { readonly kind: 'due'; readonly runs: readonly ClaimedRun[]; readonly nextMs: number | null }
  | {
      readonly kind: 'turns'
      readonly asked: readonly SessionAsk[]
      readonly turns: readonly SessionTurn[] | null
    }

/** A question to the reading thread: a method of `RunReads` and what it is called with. */
export interface ReadQuestion {
  readonly kind: 'read'
  readonly id: number
  readonly name: keyof RunReads
  readonly values: readonly unknown[]
}

export type ToReader = ReadQuestion | { readonly kind: 'close' }

export type FromReader =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'no-answer'; readonly id: number; readonly detail: string }
  | { readonly kind: 'log-is-long' }
  /** It is too long, or null: not any more. */
  | { readonly kind: 'log-size'; readonly bytes: number | null }
  | { readonly kind: 'fault'; readonly detail: string }
