/**
 * The instants at which tasks are looked at again: a deadline, the end of waiting or of a backoff, one
 * a task. Kept by lifecycle.ts, so that the shell needs one timer and not one a task.
 * Invariant: a task stands here at most once, under `dueAt`; one that waits for nothing does not.
 */
import { IndexedHeap } from './indexed-heap.ts'
import type { Task } from './task.ts'

export class Agenda {
  readonly #due = new IndexedHeap<Task>({
    isBefore: (a, b) => a.dueAt < b.dueAt,
    getIndex: (task) => task.timerIndex,
    setIndex: (task, index) => {
      task.timerIndex = index
    },
  })

  /** The one instant of this task from now on; Infinity for never. */
  set(task: Task, at: number): void {
    task.dueAt = at
    if (this.#due.has(task)) this.#due.update(task)
    else if (at < Number.POSITIVE_INFINITY) this.#due.add(task)
  }

  remove(task: Task): void {
    this.#due.remove(task)
  }

  get nextAt(): number {
    return this.#due.first?.dueAt ?? Number.POSITIVE_INFINITY
  }

  /** Takes out the first task whose instant has come. */
  takeDue(now: number): Task | undefined {
    const { first } = this.#due
    if (!first || first.dueAt > now) return undefined
    this.#due.remove(first)
    return first
  }
}
