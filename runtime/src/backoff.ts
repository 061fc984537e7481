/**
 * Owns the growing delay between repeats of something that failed.
 * Used for reconnects and restarts; the caller resets it after a success that lasted.
 * Invariant: every delay lies within [baseMs × (1 − jitter), maxMs].
 */

export type BackoffOptions = {
  /** The first delay, before jitter. */
  baseMs: number
  /** No delay is longer. */
  maxMs: number
  /** Each delay is this many times the one before; default 2. */
  factor?: number
  /** The share of a delay that is left to chance, 0 … 1; default 0.5. */
  jitter?: number
  /** Gives a number in [0, 1); default `Math.random`. */
  random?: () => number
}

export type Backoff = {
  /** The delay to wait now; the next one will be longer. */
  next(): number
  /** Starts again at `baseMs`. */
  reset(): void
}

export function createBackoff(options: BackoffOptions): Backoff {
  const { baseMs, maxMs, factor = 2, jitter = 0.5, random = Math.random } = options
  let plainMs = Math.min(baseMs, maxMs)
  return {
    next() {
      const delayMs = plainMs * (1 - jitter + jitter * random())
      plainMs = Math.min(plainMs * factor, maxMs)
      return delayMs
    },
    reset() {
      plainMs = Math.min(baseMs, maxMs)
    },
  }
}
