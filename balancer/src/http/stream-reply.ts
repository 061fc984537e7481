/**
 * How the caller of a stream hears of it: the raw chunks as a text (stream-text.ts), or events
 * (stream-events.ts). Made by tasks.ts, one a task; the core hands it items and one end. Credit goes back to
 * the link as the caller takes what was written, so that a slow reader slows its own handler and nothing else.
 * Invariant: every item's bytes are taken once: when they are with the caller, or at once when it is not
 * told of them.
 */
import type { StreamItem, StreamOrigin, StreamSource } from '../ports/stream.ts'
import type { Provenance, Settlement } from '../ports/submission.ts'
import type { StreamBody } from './stream-body.ts'

/** Sends status 200 and these headers with whatever is written first. */
export type OpenBody = (headers: Readonly<Record<string, string>>, onTaken: () => void) => StreamBody

export type Failed = Extract<Settlement, { kind: 'failed' }>

export interface StreamReply {
  /** The task waits or runs. */
  accept(): void
  item(item: StreamItem, origin: StreamOrigin): void
  settle(settlement: Settlement): void
}

export interface StreamReplyOptions {
  readonly open: OpenBody
  /** Who ran it and how long it took, as far as known. */
  headersOf(known: Partial<Provenance>): Record<string, string>
  /** Answers a failure whose stream has not begun, with its own status. */
  fail(settlement: Failed): void
}

/** What every stream says to proxies: pass it on as it comes. */
export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
}

/** Bytes that are written and not yet with the caller, and whom to tell when they are. */
export class Untaken {
  #source: StreamSource | undefined
  #bytes = 0

  add({ source, bytes }: StreamItem): void {
    // Another attempt: the one before has ended, and needs no credit.
    if (this.#source !== source) this.#bytes = 0
    this.#source = source
    this.#bytes += bytes.length
  }

  take(): void {
    const bytes = this.#bytes
    this.#bytes = 0
    if (bytes > 0) this.#source?.taken(bytes)
  }
}
