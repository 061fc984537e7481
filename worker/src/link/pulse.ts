/**
 * When a link pushes its state: on every change, at most every 10 ms, and at least every second. One per link.
 * Decides only; `push` sends. The first change after a quiet spell goes at once, further ones gather.
 * Invariant: the system's figures go along at least every second too, however much changes in between. What had no
 * room counts as not said: the newest state goes as soon as there is some.
 */
import type { Clock } from '@berth/runtime'

const LEAST_GAP_MS = 10
/** Below a second, so that a late timer still keeps the promise. */
const LONGEST_GAP_MS = 750

export class Pulse {
  readonly #clock: Clock
  readonly #push: (hasFigures: boolean) => boolean
  #lastAt = Number.NEGATIVE_INFINITY
  #figuresAt = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  /** `push(true)` carries the system's figures, too; it answers false when there was no room. */
  constructor(clock: Clock, push: (hasFigures: boolean) => boolean) {
    this.#clock = clock
    this.#push = push
  }

  /** Something changed. `isUrgent` does not wait for the gap. */
  note(isUrgent = false): void {
    if (this.#isStopped || (this.#timer && !isUrgent)) return
    const waitMs = isUrgent ? 0 : this.#lastAt + LEAST_GAP_MS - this.#clock.monoMs()
    if (waitMs <= 0) return this.#send()
    this.#timer = setTimeout(() => this.#send(), waitMs)
    this.#timer.unref()
  }

  /** Called several times a second. */
  tick(): void {
    if (!this.#isStopped && this.#areFiguresDue()) this.#send()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #areFiguresDue(): boolean {
    return this.#clock.monoMs() - this.#figuresAt >= LONGEST_GAP_MS
  }

  #send(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const hasFigures = this.#areFiguresDue()
    if (!this.#push(hasFigures)) {
      this.#timer = setTimeout(() => this.#send(), LEAST_GAP_MS)
      this.#timer.unref()
      return
    }
    this.#lastAt = this.#clock.monoMs()
    if (hasFigures) this.#figuresAt = this.#lastAt
  }
}
