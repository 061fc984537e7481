/**
 * Where one call of a function runs: in this thread, in a thread of the pool, or as a process. Claimed through
 * `runners.ts` once an attempt has its slots, used by `attempt.ts`. Types, and how a result comes back that was
 * judged and written where it was made.
 */
import type { AttemptContext } from '../attempt/context.ts'
import type { EncodedResult } from '../attempt/result.ts'

/** Good for one call. */
export interface Seat {
  /**
   * Calls the handler: returns or resolves to its result, or to a `Finished`. Throws or rejects with what the
   * handler threw.
   */
  call(input: unknown, context: AttemptContext, resultLimitBytes: number): unknown
  /** Ends the call by force, some time after its signal; absent: only the handler can end it. */
  readonly kill?: () => void
  /** From the signal to the force, or to being called stuck; default a second. */
  readonly graceMs?: number
  /** There will be no call. */
  free(): void
}

/** Getting ready failed, which is no attempt. */
export interface StartFailure {
  readonly ok: false
  readonly reason: string
  readonly retryAfterMs: number
}

export type Claimed = { readonly ok: true; readonly seat: Seat } | StartFailure

/** A result that has passed the function's output schema and the limit already. */
export class Finished {
  readonly encoded: EncodedResult

  constructor(encoded: EncodedResult) {
    this.encoded = encoded
  }

  /** The value again, for a log. */
  read(): unknown {
    const { encoded } = this
    if (!encoded.ok) return undefined
    if (encoded.mediaType !== '') return `${encoded.bytes.length} bytes of ${encoded.mediaType}`
    return JSON.parse(Buffer.from(encoded.bytes).toString('utf8'))
  }
}
