/**
 * Remembers that a function could not be made ready, so that its tasks go elsewhere at once and the next try waits
 * longer each time. One a function, in `runners.ts` and `thread-pool.ts`.
 */
import { type Backoff, type Clock, createBackoff } from '@berth/runtime'
import type { StartFailure } from './seat.ts'

const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 60_000

export class StartGate {
  readonly #clock: Clock
  readonly #backoff: Backoff
  #failure: { readonly reason: string; readonly until: number } | undefined

  constructor(clock: Clock, random?: () => number) {
    this.#clock = clock
    const options = { baseMs: FIRST_WAIT_MS, maxMs: LONGEST_WAIT_MS, jitter: 0.25 }
    this.#backoff = createBackoff(random ? { ...options, random } : options)
  }

  /** Undefined: it may be tried. */
  get refusal(): StartFailure | undefined {
    if (!this.#failure) return undefined
    const retryAfterMs = this.#failure.until - this.#clock.monoMs()
    return retryAfterMs > 0 ? { ok: false, reason: this.#failure.reason, retryAfterMs } : undefined
  }

  failed(reason: string): StartFailure {
    const retryAfterMs = this.#backoff.next()
    this.#failure = { reason, until: this.#clock.monoMs() + retryAfterMs }
    return { ok: false, reason, retryAfterMs }
  }

  succeeded(): void {
    this.#failure = undefined
    this.#backoff.reset()
  }
}
