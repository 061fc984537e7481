/**
 * What crosses between the store's main-thread side and its thread: plain data, in order. The main
 * side numbers the batches; the thread answers each with exactly one `persisted` or `failed`.
 */
import type { FleetContents, StoreWrite } from '../ports/store.ts'
import type { StoreErrorCode } from './store-error.ts'

/** Handed to the thread as its `workerData`. */
export interface ThreadSettings {
  readonly path: string
  /** How long a statement waits for another process's lock. */
  readonly busyTimeoutMs: number
  /** Milliseconds since 1970, for what has expired meanwhile. */
  readonly openedAtMs: number
}

export type ToThread =
  | { readonly kind: 'batch'; readonly batch: number; readonly writes: readonly StoreWrite[] }
  | { readonly kind: 'close' }

export type FromThread =
  | { readonly kind: 'opened'; readonly contents: FleetContents }
  | { readonly kind: 'refused'; readonly code: StoreErrorCode; readonly detail: string }
  | { readonly kind: 'persisted'; readonly batch: number }
  | { readonly kind: 'failed'; readonly batch: number; readonly detail: string }
