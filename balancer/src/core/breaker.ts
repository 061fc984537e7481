/**
 * Decides from a row of successes and failures when to stop, and when to try again: of one worker, or
 * of one function at one worker. Kept by health.ts, which knows what counts.
 *
 *   closed --5 failures in a row, < 50 % good of ≥ 20 in 10 s, or a link that broke 5 times in 10 s-->
 *   open --5 s × n, at most 5 min--> half-open
 *   half-open --success--> closed        half-open --failure--> open, once more as long
 */
import type { BreakerFacts } from '../ports/workforce.ts'

const FAILURES_IN_A_ROW = 5
const WINDOW_SECONDS = 10
const WINDOW_LEAST = 20
const BREAKS = 5
const LONGEST = 60
/** Closed for so long, the next ejection is a first one again. */
const FORGIVEN_MS = 300_000

interface Second {
  at: number
  good: number
  bad: number
}

export class Breaker {
  state: BreakerFacts['state'] = 'closed'
  untilAt = Number.POSITIVE_INFINITY
  readonly #ejectionMs: number
  readonly #seconds: Second[] = []
  #sinceAt = Number.NEGATIVE_INFINITY
  #reason: string | undefined
  #failures = 0
  #failedAt = Number.NEGATIVE_INFINITY
  #ejections = 0
  /** When the link broke, the last times, whatever was done in between. */
  readonly #breaks: number[] = []

  constructor(ejectionMs: number) {
    this.#ejectionMs = ejectionMs
  }

  /** A success; true when it closes a half-open breaker. */
  succeed(now: number): boolean {
    this.#failures = 0
    this.#second(now).good++
    if (this.state !== 'half-open') return false
    this.state = 'closed'
    this.#sinceAt = now
    this.#reason = undefined
    return true
  }

  /** A failure; returns why to stop, if it is time to. What ends at one instant is one in a row. */
  fail(now: number): string | undefined {
    this.#second(now).bad++
    if (now !== this.#failedAt) this.#failures++
    this.#failedAt = now
    if (this.state === 'half-open') return 'the trial failed'
    if (this.state === 'open') return undefined
    if (this.#failures >= FAILURES_IN_A_ROW) return `${this.#failures} failures in a row`
    return this.#badRate(now)
  }

  /** A failure that tasks in between do not make good: a link that comes and goes, comes and goes again. */
  breakLink(now: number): string | undefined {
    if (this.#breaks.push(now) > BREAKS) this.#breaks.shift()
    const reason = this.fail(now)
    const [first = now] = this.#breaks
    const isFlapping = this.#breaks.length === BREAKS && now - first <= WINDOW_SECONDS * 1_000
    if (reason !== undefined || this.state !== 'closed' || !isFlapping) return reason
    return `its link broke ${BREAKS} times in ${WINDOW_SECONDS} s`
  }

  /** Stops; the time grows with every ejection that follows another. */
  open(reason: string, now: number): void {
    if (this.state === 'closed' && now - this.#sinceAt > FORGIVEN_MS) this.#ejections = 0
    this.#ejections = Math.min(this.#ejections + 1, LONGEST)
    this.state = 'open'
    this.#sinceAt = now
    this.#reason = reason
    this.untilAt = now + this.#ejectionMs * this.#ejections
    this.#seconds.length = 0
  }

  /** Its time is over: one trial decides. */
  halfOpen(now: number): void {
    this.state = 'half-open'
    this.#sinceAt = now
    this.untilAt = Number.POSITIVE_INFINITY
  }

  facts(): BreakerFacts {
    const isClosed = this.state === 'closed'
    return {
      state: this.state,
      sinceAt: Number.isFinite(this.#sinceAt) ? this.#sinceAt : undefined,
      untilAt: this.state === 'open' ? this.untilAt : undefined,
      reason: isClosed ? undefined : this.#reason,
      failures: this.#failures,
    }
  }

  #badRate(now: number): string | undefined {
    let good = 0
    let bad = 0
    for (const second of this.#seconds) {
      if (second.at <= now / 1000 - WINDOW_SECONDS) continue
      good += second.good
      bad += second.bad
    }
    if (good + bad < WINDOW_LEAST || good >= bad) return undefined
    return `${bad} of ${good + bad} failed in ${WINDOW_SECONDS} s`
  }

  #second(now: number): Second {
    const at = Math.floor(now / 1000)
    const last = this.#seconds.at(-1)
    if (last?.at === at) return last
    const fresh = { at, good: 0, bad: 0 }
    this.#seconds.push(fresh)
    if (this.#seconds.length > WINDOW_SECONDS) this.#seconds.shift()
    return fresh
  }
}
