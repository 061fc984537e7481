/**
 * A lane: the waiting tasks with the same needs (group, contract, function, selector), the classes
 * of workers that can serve them, and those of its tasks that were sent ahead of a free slot.
 */
import { type CompiledSelector, firstMismatch } from '@berth/protocol'
import type { FunctionFacts } from '../ports/scheduling.ts'
import type { Flow } from './fairness.ts'
import { IndexedHeap } from './indexed-heap.ts'
import { Line } from './line.ts'
import { FunctionTimes } from './service-times.ts'
import { StartRate } from './start-rate.ts'
import { goesBefore, isMoreUrgent, type Task } from './task.ts'
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
  readonly starts = new StartRate()
  /** Tasks of this lane that have not ended, wherever they are. */
  live = 0
  /** Those of them that are repeated after a failure. */
  repeating = 0
  /** Recalls of this lane whose answer is on its way; those at workers in trouble do not count. */
  recallsOpen = 0
  /** Runs of this lane that wait on disk beyond the window; true asks the ledger when there is room. */
  hasMoreOnDisk = false
  isClaiming = false
  /** One line for each fairness key that has somebody waiting. */
  readonly #lines = new Map<Flow | undefined, Line>()
  readonly #order = new IndexedHeap<Line>({
    isBefore: (a, b) => goesBefore(a.head, b.head),
    getIndex: (line) => line.index,
    setIndex: (line, index) => {
      line.index = index
    },
  })
  /** All that wait, the longest first. */
  readonly #waiting = new IndexedHeap<Task>({
    isBefore: hasWaitedLonger,
    getIndex: (task) => task.ageIndex,
    setIndex: (task, index) => {
      task.ageIndex = index
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

  /** The first by priority, then the fairness key that was served least, then acceptance. */
  get head(): Task | undefined {
    return this.#order.first?.head
  }

  /** The first, by the same order, of those fairness keys whose first is wanted. */
  findHead(isWanted: (task: Task) => boolean): Task | undefined {
    return this.#order.findFirst(({ head }) => isWanted(head))?.head
  }

  /** The one that has waited longest. */
  get oldest(): Task | undefined {
    return this.#waiting.first
  }

  get tasks(): readonly Task[] {
    return this.#waiting.members
  }

  push(task: Task): void {
    task.flow?.join()
    this.#waiting.add(task)
    if (task.submission.isDurable) this.durables.add(task)
    const line = this.#lines.get(task.flow) ?? new Line(this, task.flow)
    this.#lines.set(task.flow, line)
    line.tasks.add(task)
    if (line.index < 0) this.#order.add(line)
    else this.#order.update(line)
    if (this.#waiting.size === 1) for (const serving of this.classes) serving.waitingLanes.add(this)
  }

  remove(task: Task): void {
    const line = this.#lines.get(task.flow)
    if (!line || task.laneIndex < 0) return
    // A line is compared by its head, so it leaves the order while that is somebody else.
    this.#order.remove(line)
    line.tasks.remove(task)
    if (line.tasks.size > 0) this.#order.add(line)
    else {
      this.#lines.delete(task.flow)
      line.close()
    }
    this.#waiting.remove(task)
    this.durables.remove(task)
    task.flow?.leave()
    if (this.#waiting.size === 0) for (const serving of this.classes) serving.waitingLanes.delete(this)
  }

  /** The key of a line was served: its turn comes later, or earlier when it was charged too much. */
  reorder(line: Line): void {
    this.#order.update(line)
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

function hasWaitedLonger(a: Task, b: Task): boolean {
  return a.waitsSinceAt !== b.waitsSinceAt ? a.waitsSinceAt < b.waitsSinceAt : a.seq < b.seq
}
