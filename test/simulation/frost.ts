/**
 * A model worker's process standing still: what should happen meanwhile happens when it goes on, in order.
 * Used by model-worker.ts. Invariant: nothing happens in a frozen process, and a crash forgets what waited.
 */
import type { EventQueue } from './event-queue.ts'

export class Frost {
  /** When the last freeze ended. */
  thawedAt = Number.NEGATIVE_INFINITY
  readonly #events: EventQueue
  #frozenUntil = 0
  #waiting: (() => void)[] = []

  constructor(events: EventQueue) {
    this.#events = events
  }

  get isFrozen(): boolean {
    return this.#frozenUntil > this.#events.now
  }

  freeze(ms: number): void {
    this.#frozenUntil = this.#events.now + ms
    this.#events.after(ms, () => {
      this.thawedAt = this.#events.now
      const waiting = this.#waiting
      this.#waiting = []
      for (const act of waiting) act()
    })
  }

  whenThawed(act: () => void): void {
    if (this.isFrozen) this.#waiting.push(act)
    else act()
  }

  /** The process has died. */
  clear(): void {
    this.#waiting = []
    this.#frozenUntil = 0
  }
}
