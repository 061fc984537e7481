/**
 * A lane: the waiting tasks with the same needs (group, contract, function, selector), the classes
 * of workers that can serve them, and those of its tasks that were sent ahead of a free slot.
 */
import { type CompiledSelector, firstMismatch } from '@berth/protocol'
import { IndexedHeap } from './indexed-heap.ts'
import { isMoreUrgent, type Task } from './task.ts'
import type { WorkerClass } from './worker-class.ts'

export interface LaneNeeds {
  readonly group: string
  readonly contract: number
  readonly function: string
  readonly selector: CompiledSelector
}

export class Lane {
  readonly key: string
  readonly needs: LaneNeeds
  /** Classes that serve this lane, in service or not. */
  readonly classes = new Set<WorkerClass>()
  /** Sent ahead and not known to have started, oldest first. */
  readonly ahead = new Set<Task>()
  /** Recalls of this lane that nobody has answered yet. */
  recallsOpen = 0
  /** Runs of this lane that wait on disk beyond the window; true asks the ledger when there is room. */
  hasMoreOnDisk = false
  isClaiming = false
  readonly #waiting = new IndexedHeap<Task>({
    isBefore: isMoreUrgent,
    getIndex: (task) => task.laneIndex,
    setIndex: (task, index) => {
      task.laneIndex = index
    },
  })

  constructor(needs: LaneNeeds) {
    this.needs = needs
    this.key = laneKey(needs)
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get head(): Task | undefined {
    return this.#waiting.first
  }

  get tasks(): readonly Task[] {
    return this.#waiting.members
  }

  push(task: Task): void {
    this.#waiting.add(task)
    if (this.#waiting.size === 1) for (const serving of this.classes) serving.waitingLanes.add(this)
  }

  remove(task: Task): void {
    this.#waiting.remove(task)
    if (this.#waiting.size === 0) for (const serving of this.classes) serving.waitingLanes.delete(this)
  }

  /** The last of the waiting durable tasks: the one that a more urgent arrival pushes back to disk. */
  leastUrgentDurable(): Task | undefined {
    let last: Task | undefined
    for (const task of this.#waiting.members)
      if (task.submission.isDurable && (!last || isMoreUrgent(last, task))) last = task
    return last
  }

  isServedBy(candidate: WorkerClass): boolean {
    return (
      candidate.group === this.needs.group &&
      candidate.contract === this.needs.contract &&
      candidate.functions.has(this.needs.function) &&
      firstMismatch(this.needs.selector, candidate.tags) === undefined
    )
  }

  bind(serving: WorkerClass): void {
    this.classes.add(serving)
    serving.lanes.add(this)
    if (this.waiting > 0) serving.waitingLanes.add(this)
  }

  unbind(serving: WorkerClass): void {
    this.classes.delete(serving)
    serving.lanes.delete(this)
    serving.waitingLanes.delete(this)
  }
}

export function laneKey(needs: LaneNeeds): string {
  return `${needs.group}\n${needs.contract}\n${needs.function}\n${needs.selector.key}`
}
