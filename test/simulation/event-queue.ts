/**
 * What will happen, in order of time and, within an instant, of planning. Owns the simulation's
 * clock: it stands still except in `advanceTo`.
 */
interface Planned {
  readonly at: number
  readonly seq: number
  readonly act: () => void
}

export class EventQueue {
  now = 0
  /** Events that have happened. */
  happened = 0
  /** When the next event is due; Infinity when none is. */
  nextAt = Number.POSITIVE_INFINITY
  #seq = 0
  /** A binary heap of its own: most of a long run's time would pass in the comparator of another. */
  readonly #planned: Planned[] = []

  get size(): number {
    return this.#planned.length
  }

  after(delayMs: number, act: () => void): void {
    const planned = this.#planned
    const fresh = { at: this.now + delayMs, seq: this.#seq++, act }
    let index = planned.length
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = planned[above] as Planned
      // Equal instants stay in order of planning, and the new one was planned last.
      if (parent.at <= fresh.at) break
      planned[index] = parent
      index = above
    }
    planned[index] = fresh
    if (index === 0) this.nextAt = fresh.at
  }

  /** Moves the clock without an event, for what others have planned. */
  advanceTo(at: number): void {
    this.now = Math.max(this.now, at)
  }

  /** Lets the next event happen. */
  step(): void {
    const next = this.#planned[0]
    if (!next) return
    const last = this.#planned.pop() as Planned
    if (this.#planned.length > 0) this.#sink(last)
    this.nextAt = this.#planned[0]?.at ?? Number.POSITIVE_INFINITY
    this.now = next.at
    this.happened++
    next.act()
  }

  #sink(member: Planned): void {
    const planned = this.#planned
    let index = 0
    for (let child = 1; child < planned.length; child = 2 * index + 1) {
      const right = child + 1
      if (right < planned.length && isBefore(planned[right] as Planned, planned[child] as Planned))
        child = right
      const least = planned[child] as Planned
      if (!isBefore(least, member)) break
      planned[index] = least
      index = child
    }
    planned[index] = member
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.at !== b.at ? a.at < b.at : a.seq < b.seq
}
