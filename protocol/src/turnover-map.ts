/**
 * A map for what comes and goes all the time, such as tasks: held by whoever keeps one entry a task.
 * A `Map` gets a new table whenever enough of its entries were deleted, and the old table keeps what stood in it
 * and the way to the new one. Once one of them is old enough for the collector to leave it alone, so are all that
 * follow, with everything that ever passed through: a third of all that a task allocates was copied twice and
 * lay there until the next full collection. Here the tables hold keys and numbers only.
 */
const MOST_IDLE_PLACES = 1024

export class TurnoverMap<K extends string | number, V> {
  readonly #places = new Map<K, number>()
  #values: (V | undefined)[] = []
  #free: number[] = []

  get size(): number {
    return this.#places.size
  }

  has(key: K): boolean {
    return this.#places.has(key)
  }

  get(key: K): V | undefined {
    const place = this.#places.get(key)
    return place === undefined ? undefined : this.#values[place]
  }

  set(key: K, value: V): void {
    const place = this.#places.get(key) ?? this.#free.pop() ?? this.#values.length
    this.#places.set(key, place)
    this.#values[place] = value
  }

  delete(key: K): boolean {
    const place = this.#places.get(key)
    if (place === undefined) return false
    this.#places.delete(key)
    this.#values[place] = undefined
    this.#free.push(place)
    if (this.#places.size === 0 && this.#values.length > MOST_IDLE_PLACES) this.clear()
    return true
  }

  clear(): void {
    this.#places.clear()
    this.#values = []
    this.#free = []
  }

  /** In the order in which the keys came. */
  *values(): IterableIterator<V> {
    for (const place of this.#places.values()) yield this.#values[place] as V
  }
}
