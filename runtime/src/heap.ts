/**
 * Owns a binary heap: the least element by the comparator is always on top.
 * Used for queues by priority and for instants to wake at. Elements that compare equal come out in no
 * promised order, so a queue that must be fair puts a sequence number into its comparator.
 * Invariant: no element is less than its parent.
 */

export class Heap<T> {
  #items: T[] = []
  readonly #compare: (a: T, b: T) => number

  /** `compare` is negative when `a` comes out before `b`, as for `Array.sort`. */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  get size(): number {
    return this.#items.length
  }

  /** The next element, left in place; undefined when empty. */
  peek(): T | undefined {
    return this.#items[0]
  }

  push(item: T): void {
    this.#items.push(item)
    this.#siftUp(this.#items.length - 1)
  }

  /** Takes the next element out; undefined when empty. */
  pop(): T | undefined {
    const top = this.#items[0]
    const last = this.#items.pop()
    if (this.#items.length > 0) {
      this.#items[0] = last as T
      this.#siftDown(0)
    }
    return top
  }

  #siftUp(start: number): void {
    const items = this.#items
    const item = items[start] as T
    let index = start
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = items[parentIndex] as T
      if (this.#compare(item, parent) >= 0) break
      items[index] = parent
      index = parentIndex
    }
    items[index] = item
  }

  #siftDown(start: number): void {
    const items = this.#items
    const item = items[start] as T
    let index = start
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= items.length) break
      const right = childIndex + 1
      if (right < items.length && this.#compare(items[right] as T, items[childIndex] as T) < 0)
        childIndex = right
      const child = items[childIndex] as T
      if (this.#compare(child, item) >= 0) break
      items[index] = child
      index = childIndex
    }
    items[index] = item
  }
}
