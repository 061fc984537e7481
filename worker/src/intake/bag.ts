/**
 * A set of what comes and goes at every task, for `intake.ts` and `peers.ts`. Its members carry their place.
 *
 * A `Set` or `Map` writes a new table every few changes, and the old one keeps what it held and points to the next: one
 * of them that has grown old keeps all that follow, with every task that was ever in them, until the engine collects
 * everything. Measured, that was a quarter of a worker's time. Here nothing is left behind.
 */
export interface Placed {
  /** Where it stands; -1 while it is in no bag. At most one bag at a time. */
  place: number
}

export class Bag<T extends Placed> implements Iterable<T> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  add(item: T): void {
    if (item.place < 0) item.place = this.#items.push(item) - 1
  }

  /** The last one takes its place. */
  delete(item: T): void {
    if (this.#items[item.place] !== item) return
    const last = this.#items.pop() as T
    if (last !== item) {
      this.#items[item.place] = last
      last.place = item.place
    }
    item.place = -1
  }

  /** In no order; members may leave only after it. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items.values()
  }
}
