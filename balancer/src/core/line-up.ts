/**
 * The next tasks of a group in the order in which they will go, if nobody comes or goes meanwhile: by priority, then
 * the fairness key that is served least, each pick charged to its key as a start would charge it, then acceptance.
 * Called by queue-look.ts. Nothing is changed and no lane is sorted: heaps are read from their tops, so the cost is
 * that of the tasks asked for, not of those that wait. Turns by age (every 8th start) are not foretold.
 */

import { costOf } from './choice.ts'
import type { Flow } from './fairness.ts'
import type { Lane } from './lane.ts'
import type { Line } from './line.ts'
import { stoodBefore, type Task } from './task.ts'

/** A line that has come near the top: its next task. */
interface Runner {
  readonly line: Line
  readonly rest: Iterator<Task>
  next: Task
}

export class LineUp {
  readonly #chargedMs = new Map<Flow, number>()
  readonly #runners: Runner[] = []
  readonly #untouched: LaneLines[]

  constructor(lanes: Iterable<Lane>) {
    this.#untouched = [...lanes].filter(({ waiting }) => waiting > 0).map((lane) => new LaneLines(lane))
  }

  /** At most `count`; each is told once. */
  *take(count: number): Generator<Task> {
    for (let taken = 0; taken < count; taken++) {
      const runner = this.#pick()
      if (!runner) return
      const task = runner.next
      this.#charge(task)
      const { value, done } = runner.rest.next()
      if (done) this.#runners.splice(this.#runners.indexOf(runner), 1)
      else runner.next = value
      yield task
    }
  }

  #pick(): Runner | undefined {
    let best: Runner | undefined
    for (const runner of this.#runners) if (!best || this.#goesBefore(runner.next, best.next)) best = runner
    let lines: LaneLines | undefined
    for (const other of this.#untouched) {
      const head = this.#headOf(other)
      if (head && !(lines?.head && !this.#goesBefore(head, lines.head))) lines = other
    }
    if (!lines?.head || (best && !this.#goesBefore(lines.head, best.next))) return best
    return this.#touch(lines)
  }

  /** Lines of keys that were picked meanwhile stand elsewhere now, and no longer in their lane's own order. */
  #headOf(lines: LaneLines): Task | undefined {
    while (lines.head?.flow && this.#chargedMs.has(lines.head.flow)) this.#touch(lines)
    return lines.head
  }

  #touch(lines: LaneLines): Runner | undefined {
    const line = lines.shift()
    if (!line) return undefined
    const rest = line.tasks.ordered()
    const first = rest.next()
    if (first.done) return undefined
    const runner = { line, rest, next: first.value }
    this.#runners.push(runner)
    return runner
  }

  #charge(task: Task): void {
    const { flow, lane, submission } = task
    if (!flow || !lane) return
    const ms = (costOf(task) * (lane.times.medianMs || 1)) / flow.weightFor(submission.function)
    this.#chargedMs.set(flow, (this.#chargedMs.get(flow) ?? 0) + ms)
  }

  #goesBefore(a: Task, b: Task): boolean {
    if (a.urgency !== b.urgency) return a.urgency < b.urgency
    const difference = this.#servedMs(a.flow) - this.#servedMs(b.flow)
    return difference !== 0 ? difference < 0 : stoodBefore(a, b)
  }

  #servedMs(flow: Flow | undefined): number {
    return flow ? flow.servedMs + (this.#chargedMs.get(flow) ?? 0) : 0
  }
}

/** The lines of a lane that nobody has touched, in the lane's own order. */
class LaneLines {
  readonly #lines: Iterator<Line>
  #next: Line | undefined

  constructor(lane: Lane) {
    this.#lines = lane.linesInOrder()
    this.shift()
  }

  get head(): Task | undefined {
    return this.#next?.head
  }

  shift(): Line | undefined {
    const line = this.#next
    const { value, done } = this.#lines.next()
    this.#next = done ? undefined : value
    return line
  }
}
