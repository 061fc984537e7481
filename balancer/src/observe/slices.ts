/**
 * Does a piece of work in slices of half a millisecond with pauses between them, so that whatever arrives meanwhile
 * waits for one of them at most, and hardly ever for two. Used by the feed and by the figures over time for their
 * readings of a fleet.
 * Invariant: one piece at a time; after `stop` nothing of it goes on.
 */
import type { Clock } from '@berth/runtime'

const SLICE_MS = 0.5
const PAUSE_MS = 4
/** What takes longer than this all in all goes on without pauses, a slice a turn of the event loop. */
const PACED_MS = 100

export class Slices {
  readonly #clock: Pick<Clock, 'monoMs'>
  #steps: Iterator<void> | undefined
  #startedAtMs = 0
  #pause: NodeJS.Timeout | undefined
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
    this.#startedAtMs = this.#clock.monoMs()
    this.#goOn()
  }

  /** Does at once what is left. */
  finish(): void {
    const steps = this.#steps
    while (this.#steps === steps && steps?.next().done === false);
    if (this.#steps === steps) this.stop()
  }

  stop(): void {
    clearTimeout(this.#pause)
    clearImmediate(this.#next)
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
    const isPaced = this.#clock.monoMs() - this.#startedAtMs < PACED_MS
    if (isPaced) this.#pause = setTimeout(this.#goOn, PAUSE_MS)
    else this.#next = setImmediate(this.#goOn)
  }
}
