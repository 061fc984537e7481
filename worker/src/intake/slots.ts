/**
 * Owns how many slots are taken and who waits for one: reserve and release, and a bounded queue ordered by
 * priority (1 first), then arrival. Called by `intake.ts` alone. A task may take several slots; the head of
 * the queue waits until enough are free and is not overtaken, so that a wide task cannot starve.
 * Invariant: 0 ≤ used ≤ limit; beyond `queueLimit` only what was taken before waits.
 */
import { Heap } from '@berth/runtime'

export interface Claim {
  /** Slots it takes, at least 1. */
  readonly cost: number
  /** 1 is served first. */
  readonly priority: number
  /** Its place among equal priorities, from `nextRank`; absent: behind all that wait. */
  readonly rank?: number | undefined
}

interface Entry<T> {
  readonly item: T
  readonly priority: number
  readonly rank: number
  /** Tells apart what shares a rank. */
  readonly arrival: number
  isGone: boolean
}

/** Withdrawn entries stay in the heap until they come up, or until they outnumber the living. */
const TOMBSTONES_KEPT = 64

export class Slots<T extends Claim> {
  readonly limit: number
  readonly queueLimit: number
  #used = 0
  #ranks = 0
  #arrivals = 0
  #heap = new Heap<Entry<T>>(compareEntries)
  readonly #waiting = new Map<T, Entry<T>>()

  constructor(limit: number, queueLimit: number) {
    this.limit = limit
    this.queueLimit = queueLimit
  }

  get used(): number {
    return this.#used
  }

  get queued(): number {
    return this.#waiting.size
  }

  /** Whether so many slots are free now. */
  hasRoom(cost: number): boolean {
    return this.#used + cost <= this.limit
  }

  reserve(cost: number): void {
    if (!this.hasRoom(cost)) throw new RangeError(`${cost} slots of ${this.limit - this.#used} free ones`)
    this.#used += cost
  }

  release(cost: number): void {
    if (cost > this.#used) throw new RangeError(`${cost} slots released, ${this.#used} were used`)
    this.#used -= cost
  }

  /** The place of whoever arrives now. */
  nextRank(): number {
    return this.#ranks++
  }

  /** False when the queue is full. `isForced`: it was taken before, and has its place beyond the limit. */
  enqueue(item: T, isForced = false): boolean {
    if (!isForced && this.#waiting.size >= this.queueLimit) return false
    const { priority, rank = this.#ranks++ } = item
    const entry = { item, priority, rank, arrival: this.#arrivals++, isGone: false }
    this.#waiting.set(item, entry)
    this.#heap.push(entry)
    return true
  }

  /** Takes an item out of the queue wherever it stands; false when it does not wait. */
  remove(item: T): boolean {
    const entry = this.#waiting.get(item)
    if (!entry) return false
    entry.isGone = true
    this.#waiting.delete(item)
    if (this.#heap.size > 2 * this.#waiting.size + TOMBSTONES_KEPT) this.#rebuild()
    return true
  }

  /** The item whose turn is next, left in place. */
  head(): T | undefined {
    for (let top = this.#heap.peek(); top; top = this.#heap.peek()) {
      if (!top.isGone) return top.item
      this.#heap.pop()
    }
    return undefined
  }

  isWaiting(item: T): boolean {
    return this.#waiting.has(item)
  }

  /** Everything that waits, in order of arrival. */
  waiting(): T[] {
    return [...this.#waiting.keys()]
  }

  #rebuild(): void {
    const heap = new Heap<Entry<T>>(compareEntries)
    for (const entry of this.#waiting.values()) heap.push(entry)
    this.#heap = heap
  }
}

function compareEntries<T>(a: Entry<T>, b: Entry<T>): number {
  return a.priority - b.priority || a.rank - b.rank || a.arrival - b.arrival
}
