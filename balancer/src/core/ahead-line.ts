/**
 * What waits at workers for a slot, the longest wait first: whoever becomes old there is asked back, for
 * a turn by age comes to those in line at the balancer only. Kept by sent-ahead.ts. The invariant: nobody
 * who was old when sent is here, so that nobody is asked back for its age twice without a turn.
 */
import { IndexedHeap } from './indexed-heap.ts'
import type { Task } from './task.ts'

export class AheadLine {
  readonly #starvationAfterMs: number
  readonly #byAge = new IndexedHeap<Task>({
    isBefore: (a, b) => a.waitsSinceAt < b.waitsSinceAt,
    // Nobody stands in two lines by age.
    getIndex: (task) => task.ageIndex,
    setIndex: (task, index) => {
      task.ageIndex = index
    },
  })

  constructor(starvationAfterMs: number) {
    this.#starvationAfterMs = starvationAfterMs
  }

  isOld(task: Task, now: number): boolean {
    return now - task.waitsSinceAt > this.#starvationAfterMs
  }

  add(task: Task): void {
    this.#byAge.add(task)
  }

  remove(task: Task): void {
    this.#byAge.remove(task)
  }

  /** When the next one is old; Infinity when nobody waits at a worker. */
  get nextAt(): number {
    const { first } = this.#byAge
    return first ? first.waitsSinceAt + this.#starvationAfterMs : Number.POSITIVE_INFINITY
  }

  /** Takes out those who are old by now. */
  takeOld(now: number): Task[] {
    const old: Task[] = []
    for (let { first } = this.#byAge; first && this.nextAt <= now; first = this.#byAge.first) {
      this.#byAge.remove(first)
      old.push(first)
    }
    return old
  }
}
