/**
 * The tasks of one link by their numbers, for `link-tasks.ts`. A map of places in a list rather than of tasks: the
 * tables that a map leaves behind would keep every task that was in them (see `bag.ts`).
 */
import type { LinkedTask } from './link-task.ts'

export class TaskTable {
  readonly #places = new Map<number, number>()
  readonly #tasks: (LinkedTask | undefined)[] = []
  readonly #free: number[] = []

  get size(): number {
    return this.#places.size
  }

  has(number: number): boolean {
    return this.#places.has(number)
  }

  get(number: number): LinkedTask | undefined {
    const place = this.#places.get(number)
    return place === undefined ? undefined : this.#tasks[place]
  }

  set(number: number, task: LinkedTask): void {
    const place = this.#places.get(number) ?? this.#free.pop() ?? this.#tasks.length
    this.#places.set(number, place)
    this.#tasks[place] = task
  }

  delete(number: number): boolean {
    const place = this.#places.get(number)
    if (place === undefined) return false
    this.#places.delete(number)
    this.#tasks[place] = undefined
    this.#free.push(place)
    return true
  }

  /** In the order in which their numbers came. */
  all(): LinkedTask[] {
    return [...this.#places.values()].map((place) => this.#tasks[place] as LinkedTask)
  }

  clear(): void {
    this.#places.clear()
    this.#tasks.length = 0
    this.#free.length = 0
  }
}
