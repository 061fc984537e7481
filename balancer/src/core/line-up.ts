/**
 * The next tasks of a group in the order in which they will go, if nobody comes or goes meanwhile: by priority, then
 * the fairness key that is served least, each pick charged to its key as a start would charge it, then acceptance.
 * Called by queue-look.ts. Within a key the order never changes, so a heap a key and one over the keys are enough.
 * Nothing is changed and no line is sorted: heaps are read from their tops, so the cost is that of the lines and of the
 * tasks asked for, not of those that wait. Turns by age (every 8th start) are not foretold.
 */
import { costOf } from './choice.ts'
import type { Flow } from './fairness.ts'
import { IndexedHeap } from './indexed-heap.ts'
import type { Lane } from './lane.ts'
import type { Line } from './line.ts'
import { goesBefore, isMoreUrgent, stoodBefore, type Task } from './task.ts'

/** Lines that are looked at: of the lanes whose first goes first, and of each its first lines. */
const MAX_LINES = 5_000

/** A line and its next task. */
interface Runner {
  next: Task
  readonly line: Line
  /** Made once its head is taken: most lines are never asked for a second. */
  rest: Iterator<Task> | undefined
  index: number
}

/** All lines of one fairness key. */
interface KeyLines {
  readonly flow: Flow | undefined
  servedMs: number
  readonly runners: IndexedHeap<Runner>
  index: number
}

export class LineUp {
  readonly #byFlow = new Map<Flow | undefined, KeyLines>()
  readonly #keys = new IndexedHeap<KeyLines>({
    isBefore: isServedBefore,
    getIndex: (key) => key.index,
    setIndex: (key, index) => {
      key.index = index
    },
  })

  /** `count`: no more are asked for. */
  constructor(lanes: Iterable<Lane>, count: number) {
    const waiting = [...lanes].filter((lane) => lane.head !== undefined)
    let left = MAX_LINES
    for (const lane of waiting.sort((a, b) => (goesBefore(a.head as Task, b.head as Task) ? -1 : 1))) {
      // A line behind so many others of its lane cannot come within so many picks: each moves one of them back.
      let ofLane = count
      for (const line of lane.lineCount > count ? lane.linesInOrder() : lane.lines()) {
        if (ofLane-- <= 0 || left-- <= 0) break
        this.#add(line)
      }
      if (left <= 0) break
    }
    for (const key of this.#byFlow.values()) this.#keys.add(key)
  }

  /** At most `count`; each is told once. */
  *take(count: number): Generator<Task> {
    for (let taken = 0; taken < count; taken++) {
      const key = this.#keys.first
      const runner = key?.runners.first
      if (!key || !runner) return
      const task = runner.next
      key.servedMs += chargeOf(task)
      advance(key, runner)
      if (key.runners.size > 0) this.#keys.update(key)
      else this.#keys.remove(key)
      yield task
    }
  }

  #add(line: Line): void {
    const key = this.#byFlow.get(line.flow) ?? linesOf(line.flow)
    this.#byFlow.set(line.flow, key)
    key.runners.add({ next: line.head, line, rest: undefined, index: -1 })
  }
}

function linesOf(flow: Flow | undefined): KeyLines {
  const runners = new IndexedHeap<Runner>({
    isBefore: (a, b) => isMoreUrgent(a.next, b.next),
    getIndex: (runner) => runner.index,
    setIndex: (runner, index) => {
      runner.index = index
    },
  })
  return { flow, servedMs: flow?.servedMs ?? 0, runners, index: -1 }
}

function advance({ runners }: KeyLines, runner: Runner): void {
  if (!runner.rest) {
    runner.rest = runner.line.tasks.ordered()
    runner.rest.next()
  }
  const { value, done } = runner.rest.next()
  if (done) runners.remove(runner)
  else {
    runner.next = value
    runners.update(runner)
  }
}

/** What its key is charged when it starts. */
function chargeOf(task: Task): number {
  const { flow, lane, submission } = task
  if (!flow || !lane) return 0
  return (costOf(task) * (lane.times.medianMs || 1)) / flow.weightFor(submission.function)
}

function isServedBefore(a: KeyLines, b: KeyLines): boolean {
  const first = a.runners.first?.next
  const other = b.runners.first?.next
  if (!first || !other) return first !== undefined
  if (first.urgency !== other.urgency) return first.urgency < other.urgency
  const difference = a.servedMs - b.servedMs
  return difference !== 0 ? difference < 0 : stoodBefore(first, other)
}
