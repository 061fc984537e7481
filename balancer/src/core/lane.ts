/**
 * A lane: the waiting tasks with the same needs (group, contract, function, selector), the classes
 * of workers that can serve them, and those of its tasks that were sent ahead of a free slot.
 */
import { type CompiledSelector, firstMismatch } from '@berth/protocol'
import type { FunctionFacts } from '../ports/scheduling.ts'
import { IndexedHeap } from './indexed-heap.ts'
import { FunctionTimes } from './service-times.ts'
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
  /** What the function costs and allows, as the class says that began to serve the lane last. */
  facts: FunctionFacts
  /** How long the function takes, over all workers that serve it. */
  readonly times: FunctionTimes
  /** Classes that serve this lane, in service or not. */
  readonly classes = new Set<WorkerClass>()
  /** Sent ahead, not known to have started and not asked back; the least urgent first. */
  readonly ahead = new IndexedHeap<Task>({
    isBefore: (a, b) => isMoreUrgent(b, a),
    getIndex: (task) => task.aheadIndex,
    setIndex: (task, index) => {
      task.aheadIndex = index
    },
  })
  /** The durable ones of the waiting, the least urgent first: it is the one to push back to disk. */
  readonly durables = new IndexedHeap<Task>({
    isBefore: (a, b) => isMoreUrgent(b, a),
    getIndex: (task) => task.windowIndex,
    setIndex: (task, index) => {
      task.windowIndex = index
    },
  })
  /** Tasks of this lane that have not ended, wherever they are. */
  live = 0
  /** Recalls of this lane whose answer is on its way; those at workers in trouble do not count. */
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

  /** `facts` hold until a class that serves the lane says otherwise. */
  constructor(needs: LaneNeeds, facts: FunctionFacts, times = new FunctionTimes()) {
    this.times = times
    this.needs = needs
    this.facts = facts
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
    if (task.submission.isDurable) this.durables.add(task)
    if (this.#waiting.size === 1) for (const serving of this.classes) serving.waitingLanes.add(this)
  }

  remove(task: Task): void {
    this.#waiting.remove(task)
    this.durables.remove(task)
    if (this.#waiting.size === 0) for (const serving of this.classes) serving.waitingLanes.delete(this)
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
    this.facts = serving.functions.get(this.needs.function) ?? this.facts
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
