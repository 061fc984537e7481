/**
 * A lane: the waiting tasks with the same needs (group, contract, function, selector), the classes
 * of workers that can serve them, and those of its tasks that were sent ahead of a free slot.
 */
import { type CompiledSelector, firstMismatch } from '@berth/protocol'
import type { FunctionFacts } from '../ports/workforce.ts'
import type { Flow } from './fairness.ts'
import { IndexedHeap } from './indexed-heap.ts'
import { hasWaitedLonger, Line } from './line.ts'
import { FunctionTimes } from './service-times.ts'
import { StartRate } from './start-rate.ts'
import { Tally } from './tally.ts'
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
  /** What became of its tasks, and of those of the function's other lanes. */
  readonly tally: Tally
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
  /** Those of the waiting that a running task called. */
  readonly called = new Set<Task>()
  /** Tasks of this lane whose slots are lent while they wait for what they called. */
  lent = 0
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
  /** The same lines, by who has waited longest in each. */
  readonly #byAge = new IndexedHeap<Line>({
    isBefore: (a, b) => hasWaitedLonger(a.oldest, b.oldest),
    getIndex: (line) => line.ageIndex,
    setIndex: (line, index) => {
      line.ageIndex = index
    },
  })
  #waiting = 0

  /** `facts` hold until a class that serves the lane says otherwise. */
  constructor(needs: LaneNeeds, facts: FunctionFacts, times = new FunctionTimes(), tally = new Tally(needs)) {
    this.times = times
    this.tally = tally
    this.needs = needs
    this.facts = facts
    this.key = laneKey(needs)
  }

  get waiting(): number {
    return this.#waiting
  }

  /** The first by priority, then the fairness key that was served least, then acceptance. */
  get head(): Task | undefined {
    return this.#order.first?.head
  }

  /** The first, by the same order, of those fairness keys whose first is wanted. */
  findHead(isWanted: (task: Task) => boolean): Task | undefined {
    return this.#order.findFirst(({ head }) => isWanted(head))?.head
  }

  /** Its lines, the one whose head goes first before the others; found as they are asked for. */
  linesInOrder(): Generator<Line, undefined> {
    return this.#order.ordered()
  }

  get lineCount(): number {
    return this.#lines.size
  }

  /** The same in no particular order. */
  lines(): Iterable<Line> {
    return this.#lines.values()
  }

  /** The one that has waited longest. */
  get oldest(): Task | undefined {
    return this.#byAge.first?.oldest
  }

  /** Of the oldest of each fairness key, the one that has waited longest and is wanted. */
  findOldest(isWanted: (task: Task) => boolean): Task | undefined {
    return this.#byAge.findFirst(({ oldest }) => isWanted(oldest))?.oldest
  }

  /** All that wait, in no particular order. */
  *tasks(): Iterable<Task> {
    for (const { tasks } of this.#lines.values()) yield* tasks.members
  }

  push(task: Task): void {
    task.flow?.join()
    this.#waiting++
    if (task.submission.isDurable) this.durables.add(task)
    if (task.caller) this.called.add(task)
    const line = this.#lines.get(task.flow) ?? new Line(this, task.flow)
    this.#lines.set(task.flow, line)
    line.tasks.add(task)
    if (line.index < 0) this.#order.add(line)
    else this.#order.update(line)
    line.byAge.add(task)
    if (line.ageIndex < 0) this.#byAge.add(line)
    else this.#byAge.update(line)
    if (this.#waiting === 1) for (const serving of this.classes) serving.waitingLanes.add(this)
  }

  remove(task: Task): void {
    const line = this.#lines.get(task.flow)
    if (!line || task.laneIndex < 0) return
    // A line is compared by its head, so it leaves the order while that is somebody else.
    this.#order.remove(line)
    line.tasks.remove(task)
    line.byAge.remove(task)
    if (line.tasks.size > 0) {
      this.#order.add(line)
      this.#byAge.update(line)
    } else {
      this.#byAge.remove(line)
      this.#lines.delete(task.flow)
      line.close()
    }
    this.#waiting--
    this.durables.remove(task)
    this.called.delete(task)
    task.flow?.leave()
    if (this.#waiting === 0) for (const serving of this.classes) serving.waitingLanes.delete(this)
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
