/** The waiting tasks of one fairness key in one lane, the most urgent first. Kept by lane.ts. */
import type { Flow } from './fairness.ts'
import { IndexedHeap } from './indexed-heap.ts'
import type { Lane } from './lane.ts'
import { isMoreUrgent, stoodBefore, type Task } from './task.ts'

export class Line {
  readonly lane: Lane
  readonly flow: Flow | undefined
  /** Place among the lines of its lane. */
  index = -1
  /** The same by age. */
  ageIndex = -1
  readonly tasks = new IndexedHeap<Task>({
    isBefore: isMoreUrgent,
    getIndex: (task) => task.laneIndex,
    setIndex: (task, index) => {
      task.laneIndex = index
    },
  })
  /** The same tasks, the longest wait first. */
  readonly byAge = new IndexedHeap<Task>({
    isBefore: hasWaitedLonger,
    getIndex: (task) => task.ageIndex,
    setIndex: (task, index) => {
      task.ageIndex = index
    },
  })

  constructor(lane: Lane, flow: Flow | undefined) {
    this.lane = lane
    this.flow = flow
    flow?.lines.add(this)
  }

  get head(): Task {
    return this.tasks.first as Task
  }

  get oldest(): Task {
    return this.byAge.first as Task
  }

  /** Nobody of this key waits here any more. */
  close(): void {
    this.flow?.lines.delete(this)
  }
}

export function hasWaitedLonger(a: Task, b: Task): boolean {
  return a.waitsSinceAt !== b.waitsSinceAt ? a.waitsSinceAt < b.waitsSinceAt : stoodBefore(a, b)
}
