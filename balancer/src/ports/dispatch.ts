/**
 * What the core asks of the links. Calls only queue something for the link's next frame: none of
 * them calls back into the core before it returns.
 */
import type { CancelReason, Mode, TaskExtras } from '@berth/protocol'
import type { UploadedFile } from './files.ts'

/** Bytes in one piece, or in several that belong together: large ones stay as they came. */
export type Pieces = Uint8Array | readonly Uint8Array[]

/** The bytes of a task and how to read them; the core never opens them. */
export interface Payload {
  readonly bytes: Pieces
  /** Empty for JSON. */
  readonly mediaType: string
  /** The bytes are a whole body of `POST /task`, of which the worker takes `input`. */
  readonly isEnvelope: boolean
  /** Goes before bytes that are no JSON: an envelope behind its length (docs/protocol.md, Bytes). */
  readonly head?: Uint8Array | undefined
  /** The earlier turns of its session as they go to the worker; there only while it is sent. */
  readonly turns?: Uint8Array | undefined
  /** What was sent along with the task, and goes to the worker behind the bytes. */
  readonly files?: readonly UploadedFile[] | undefined
}

/** One attempt, ready to be sent. Durations in milliseconds. */
export interface Assignment {
  readonly worker: string
  /** The core's own number of the attempt; comes back with everything that is said about it. */
  readonly attemptId: number
  readonly run: string
  readonly fence: number
  readonly function: string
  readonly contract: number
  readonly priority: number
  readonly attempt: number
  readonly mode: Mode
  readonly isDurable: boolean
  /** Sent before a slot was free. */
  readonly isAhead: boolean
  /** Slots in use at the worker and its limit, this attempt included: the record of the choice. */
  readonly used: number
  readonly limit: number
  readonly remainingMs: number | null
  readonly timeoutMs: number | null
  readonly trace: string
  /** Of a task that a handler called: the functions above it, the first one first. */
  readonly callers?: readonly string[] | undefined
  /** What else its worker is told; most tasks have none. */
  readonly extras?: TaskExtras | undefined
  readonly payload: Payload
  /** Instead of WORKER_AUTH_KEY at a worker that is reached over HTTP; never goes over a link. */
  readonly workerKey?: string | undefined
}

export interface DispatchPort {
  send(assignment: Assignment): void
  recall(worker: string, attemptId: number): void
  cancel(worker: string, attemptId: number, reason: CancelReason): void
  /** The final result of a durable run is on disk: the worker may forget it. */
  acknowledge(worker: string, attemptId: number, fence: number): void
}
