/**
 * What will happen, in order of time and, within an instant, of planning. Owns the simulation's
 * clock: it stands still except in `advanceTo`.
 */
import { Heap } from '@berth/runtime'

interface Planned {
  readonly at: number
  readonly seq: number
  readonly act: () => void
}

export class EventQueue {
  now = 0
  /** Events that have happened. */
  happened = 0
  #seq = 0
  readonly #planned = new Heap<Planned>((a, b) => a.at - b.at || a.seq - b.seq)

  get size(): number {
    return this.#planned.size
  }

  /** When the next event is due; Infinity when none is. */
  get nextAt(): number {
    return this.#planned.peek()?.at ?? Number.POSITIVE_INFINITY
  }

  after(delayMs: number, act: () => void): void {
    this.#planned.push({ at: this.now + delayMs, seq: this.#seq++, act })
  }

  /** Moves the clock without an event, for what others have planned. */
  advanceTo(at: number): void {
    this.now = Math.max(this.now, at)
  }

  /** Lets the next event happen. */
  step(): void {
    const next = this.#planned.pop()
    if (!next) return
    this.now = next.at
    this.happened++
    next.act()
  }
}
