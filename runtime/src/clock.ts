/**
 * Owns the two readings of time: wall time for instants a person reads, monotonic time for every duration.
 * Processes pass `systemClock` down from their entry; tests pass a `ManualClock` and move it by hand.
 * Invariant: `monoMs` never goes backwards, `wallMs` may (somebody sets the machine's clock).
 */

export type Clock = {
  /** Milliseconds since 1970 UTC. */
  wallMs(): number
  /** Milliseconds since an arbitrary start, never decreasing, with a fraction. */
  monoMs(): number
}

export const systemClock: Clock = Object.freeze({
  wallMs: () => Date.now(),
  monoMs: () => performance.now(),
})

/** A clock that stands still until it is moved. Starts at 2026-01-01T00:00:00Z and monotonic zero. */
export class ManualClock implements Clock {
  #wallMs: number
  #monoMs: number

  constructor(start: { wallMs?: number; monoMs?: number } = {}) {
    this.#wallMs = start.wallMs ?? Date.UTC(2026, 0, 1)
    this.#monoMs = start.monoMs ?? 0
  }

  wallMs(): number {
    return this.#wallMs
  }

  monoMs(): number {
    return this.#monoMs
  }

  /** Moves both readings forward. Throws on a negative or unusable amount. */
  advance(ms: number): void {
    if (!Number.isFinite(ms) || ms < 0) throw new RangeError(`a clock cannot advance by ${ms} ms`)
    this.#wallMs += ms
    this.#monoMs += ms
  }

  /** Sets the wall reading alone, as an operator or NTP does; may go backwards. */
  setWall(wallMs: number): void {
    this.#wallMs = wallMs
  }
}
