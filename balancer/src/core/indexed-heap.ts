/**
 * Binary heap that can move or remove any member in O(log n): each member remembers its own place in
 * `slot`, a field that its owner lends to this heap alone. Used for waiting tasks, instants and
 * workers by rank; a member is in at most one heap a slot field.
 */
export interface HeapOrder<T> {
  isBefore(a: T, b: T): boolean
  getIndex(member: T): number
  /** -1 when the member leaves. */
  setIndex(member: T, index: number): void
}

interface Place {
  /** Of the member that stands there. */
  readonly at: number
  index: number
}

export class IndexedHeap<T> {
  readonly #members: T[] = []
  readonly #order: HeapOrder<T>

  constructor(order: HeapOrder<T>) {
    this.#order = order
  }

  get size(): number {
    return this.#members.length
  }

  get first(): T | undefined {
    return this.#members[0]
  }

  /** Every member, in no particular order. */
  get members(): readonly T[] {
    return this.#members
  }

  has(member: T): boolean {
    return this.#order.getIndex(member) >= 0
  }

  add(member: T): void {
    this.#members.push(member)
    this.#rise(this.#members.length - 1, member)
  }

  /** Restores the order after the member's own rank has changed. */
  update(member: T): void {
    const index = this.#order.getIndex(member)
    if (index < 0) return
    this.#sink(this.#rise(index, member), member)
  }

  remove(member: T): void {
    const index = this.#order.getIndex(member)
    if (index < 0) return
    this.#order.setIndex(member, -1)
    const last = this.#members.pop() as T
    if (last === member) return
    this.#sink(this.#rise(index, last), last)
  }

  removeFirst(): T | undefined {
    const first = this.#members[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** The first in order that is wanted. Looks at the unwanted before it and at their children, no further. */
  findFirst(isWanted: (member: T) => boolean): T | undefined {
    for (const member of this.ordered()) if (isWanted(member)) return member
    return undefined
  }

  /** All in order, each found when it is asked for, at log n; the heap must not change meanwhile. */
  *ordered(): Generator<T, undefined> {
    const memberAt = (place: Place): T => this.#members[place.at] as T
    const edge = new IndexedHeap<Place>({
      isBefore: (a, b) => this.#order.isBefore(memberAt(a), memberAt(b)),
      getIndex: (place) => place.index,
      setIndex: (place, index) => {
        place.index = index
      },
    })
    if (this.size > 0) edge.add({ at: 0, index: -1 })
    for (let place = edge.removeFirst(); place; place = edge.removeFirst()) {
      yield memberAt(place)
      const left = 2 * place.at + 1
      if (left < this.size) edge.add({ at: left, index: -1 })
      if (left + 1 < this.size) edge.add({ at: left + 1, index: -1 })
    }
    return undefined
  }

  #rise(from: number, member: T): number {
    let index = from
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = this.#members[above] as T
      if (!this.#order.isBefore(member, parent)) break
      this.#put(index, parent)
      index = above
    }
    this.#put(index, member)
    return index
  }

  #sink(from: number, member: T): void {
    let index = from
    for (;;) {
      const child = this.#smallerChild(index)
      if (child < 0 || !this.#order.isBefore(this.#members[child] as T, member)) break
      this.#put(index, this.#members[child] as T)
      index = child
    }
    this.#put(index, member)
  }

  #smallerChild(index: number): number {
    const left = 2 * index + 1
    if (left >= this.#members.length) return -1
    const right = left + 1
    if (right >= this.#members.length) return left
    return this.#order.isBefore(this.#members[right] as T, this.#members[left] as T) ? right : left
  }

  #put(index: number, member: T): void {
    this.#members[index] = member
    this.#order.setIndex(member, index)
  }
}
