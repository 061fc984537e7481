/**
 * The time that all handlers of one budget have used, however many of them run at once: those of its run, attempt by
 * attempt, and of all that it called. Kept by `meter.ts`; instants are the core's monotonic milliseconds.
 * Invariant: what was used never shrinks, and no stretch of a handler's time counts twice.
 */
export class Stopwatch {
  #usedMs: number
  #running = 0
  /** Up to here all is counted. */
  #sinceAt: number

  /** So much was used until `at`, which may lie before this process. */
  constructor(usedMs: number, at: number) {
    this.#usedMs = usedMs
    this.#sinceAt = at
  }

  /** One more runs; what of it lies before what is counted already is counted already. */
  start(at: number): void {
    this.#count(at)
    this.#running++
  }

  stop(now: number): void {
    this.#count(now)
    this.#running--
  }

  usedMs(now: number): number {
    if (this.#running === 0) return this.#usedMs
    return this.#usedMs + this.#running * Math.max(0, now - this.#sinceAt)
  }

  /** When so much will be used if all goes on that runs now; Infinity when nothing does. */
  reachesAt(ms: number): number {
    if (this.#running === 0) return Number.POSITIVE_INFINITY
    return this.#sinceAt + Math.max(0, ms - this.#usedMs) / this.#running
  }

  #count(at: number): void {
    if (at <= this.#sinceAt) return
    this.#usedMs = this.usedMs(at)
    this.#sinceAt = at
  }
}
