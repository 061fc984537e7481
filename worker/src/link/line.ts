/**
 * A queue of what is kept for a while, oldest first: added at one end, taken from the other, at a cost that does not
 * grow with its length. For `peers.ts`, which adds and takes at every task.
 */
export class Line<T> implements Iterable<T> {
  #items: (T | undefined)[] = []
  /** Those before it are taken. */
  #first = 0

  get size(): number {
    return this.#items.length - this.#first
  }

  add(item: T): void {
    this.#items.push(item)
  }

  /** The oldest; undefined when there is none. */
  take(): T | undefined {
    if (this.size === 0) return undefined
    const item = this.#items[this.#first]
    this.#items[this.#first++] = undefined
    if (this.#first > this.size) this.#closeUp()
    return item
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let at = this.#first; at < this.#items.length; at++) yield this.#items[at] as T
  }

  /** Half of it is taken: moved once for each that was. */
  #closeUp(): void {
    this.#items = this.#items.slice(this.#first)
    this.#first = 0
  }
}
