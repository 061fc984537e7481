/**
 * Does a piece of work in slices of a millisecond, a slice a turn of the event loop, so that whatever arrives
 * meanwhile waits for no more than one. Used by the feed for its readings of a fleet.
 * Invariant: one piece at a time; after `stop` nothing of it goes on.
 */
import type { Clock } from '@berth/runtime'

const SLICE_MS = 1

export class Slices {
  readonly #clock: Pick<Clock, 'monoMs'>
  #steps: Iterator<void> | undefined
  #next: NodeJS.Immediate | undefined

  constructor(clock: Pick<Clock, 'monoMs'>) {
    this.#clock = clock
  }

  get isBusy(): boolean {
    return this.#steps !== undefined
  }

  /** The first slice is done at once. Where it may be cut is where the work yields. */
  begin(work: Iterable<void>): void {
    this.stop()
    this.#steps = work[Symbol.iterator]()
    this.#goOn()
  }

  stop(): void {
    clearImmediate(this.#next)
    this.#next = undefined
    this.#steps = undefined
  }

  readonly #goOn = (): void => {
    const endsAtMs = this.#clock.monoMs() + SLICE_MS
    do {
      const steps = this.#steps
      // A step may have stopped it all.
      if (steps === undefined) return
      if (steps.next().done === true) {
        if (this.#steps === steps) this.#steps = undefined
        return
      }
    } while (this.#clock.monoMs() < endsAtMs)
    this.#next = setImmediate(this.#goOn)
  }
}
