/**
 * One batch under way: feeds its tasks to the core a window at a time and gathers their answers in the order
 * of their ends. Made by batch-routes.ts for each batch; knows no socket.
 *
 * Invariants, each of which keeps one batch from taking more than its share: at most `MOST_UNDER_WAY` of its
 * tasks wait or run at once, fewer while the answers are long; nothing more is begun while the reader has not
 * taken what is there; a line that is full holds the batch back instead of refusing it, as long as tasks of
 * its own are under way. Everything is begun and written in slices, between which others have their turn.
 */
import type { Clock } from '@berth/runtime'
import { BatchLines } from './batch-lines.ts'
import type { Range } from './batch-scan.ts'
import { describeProblem } from './problem.ts'
import { bodyTooLarge, type TaskHead } from './task-call.ts'
import type { TaskAnswer, Tasks } from './tasks.ts'

export interface BatchOutput {
  /** True when the reader is behind: it says by `resume` when it wants more. */
  isFull(): boolean
  write(chunk: Uint8Array): void
  /** Everything is written. */
  end(): void
}

export interface BatchRunDeps {
  /** How many tasks there are. */
  readonly count: number
  readonly begin: BeginTask
  readonly clock: Pick<Clock, 'monoMs'>
  readonly output: BatchOutput
}

/** Begins a task; `answer` comes once, possibly at once. The function that comes back is for a reader that has gone. */
export type BeginTask = (index: number, answer: (answer: TaskAnswer) => void) => () => void

export interface TasksInBytes {
  readonly tasks: Pick<Tasks, 'handle'>
  readonly bytes: Buffer
  readonly ranges: readonly Range[]
  /** Checked with the whole batch. */
  readonly head: TaskHead
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
}

/** Each task from its own bytes, in memory. */
export function beginInMemory({ tasks, bytes, ranges, head, bodyLimitBytes }: TasksInBytes): BeginTask {
  return (index, answer) => {
    const { start, end } = ranges[index] as Range
    if (end - start <= bodyLimitBytes)
      return tasks.handle({ head, bytes: bytes.subarray(start, end) }, { answer, open: refuseStream })
    answer(describeProblem(bodyTooLarge(bodyLimitBytes)))
    return NOTHING_TO_END
  }
}

const NOTHING_TO_END = () => {}

const MOST_UNDER_WAY = 1_000
/** The window grows by one with every answer, since nobody knows how long the first ones will be. */
const FIRST_UNDER_WAY = 32
/** What the answers of all that is under way may come to, judged by those that came. */
const ANSWER_BYTES = 64 * 1024 * 1024
/** Lines that wait for the reader. */
const UNREAD_BYTES = 1024 * 1024
const SLICE_MS = 5
/** How fast a long answer is forgotten. */
const DECAY = 0.99

export class BatchRun {
  readonly #deps: BatchRunDeps
  readonly #lines = new BatchLines()
  readonly #abandons = new Map<number, () => void>()
  #next = 0
  #answered = 0
  #window = FIRST_UNDER_WAY
  #longLineBytes = 0
  /** The core had no room for the next task; an end of one of ours may make some. */
  #isHeldBack = false
  #isTurnPlanned = false
  #isOver = false

  constructor(deps: BatchRunDeps) {
    this.#deps = deps
  }

  /** Begins, or goes on because the reader wants more. */
  resume(): void {
    if (this.#isTurnPlanned || this.#isOver) return
    this.#isTurnPlanned = true
    setImmediate(() => this.#turn())
  }

  /** Nobody reads the answer any more: ends what is under way and begins nothing. */
  cancel(): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const abandon of this.#abandons.values()) abandon()
    this.#abandons.clear()
    this.#lines.clear()
  }

  #turn(): void {
    this.#isTurnPlanned = false
    if (this.#isOver) return
    this.#write()
    this.#feed()
    if (this.#answered < this.#deps.count || this.#lines.bytes > 0) return
    this.#isOver = true
    this.#deps.output.end()
  }

  #write(): void {
    const { output } = this.#deps
    while (!output.isFull()) {
      const chunk = this.#lines.take()
      if (chunk === undefined) return
      output.write(chunk)
    }
  }

  #feed(): void {
    const { clock } = this.#deps
    const sliceEndsAt = clock.monoMs() + SLICE_MS
    while (this.#mayBegin()) {
      if (clock.monoMs() >= sliceEndsAt) return this.resume()
      this.#begin(this.#next)
    }
  }

  #mayBegin(): boolean {
    if (this.#isHeldBack || this.#next >= this.#deps.count) return false
    if (this.#lines.bytes >= UNREAD_BYTES) return false
    const underWay = this.#abandons.size
    return (
      underWay < this.#window &&
      (underWay + 1) * this.#longLineBytes <= Math.max(ANSWER_BYTES, this.#longLineBytes)
    )
  }

  #begin(index: number): void {
    this.#next++
    let atOnce: TaskAnswer | undefined
    let isBegun = false
    const answer = (answer: TaskAnswer) => {
      if (isBegun) this.#finish(index, answer)
      else atOnce = answer
    }
    const abandon = this.#deps.begin(index, answer)
    isBegun = true
    if (atOnce === undefined) this.#abandons.set(index, abandon)
    else this.#refused(index, atOnce)
  }

  /** The core or the check before it said no at once. */
  #refused(index: number, answer: TaskAnswer): void {
    if (answer.status === 429 && this.#abandons.size > 0) {
      this.#isHeldBack = true
      this.#next = index
    } else this.#finish(index, answer.status === 400 ? asWrongBody(answer) : answer)
  }

  #finish(index: number, answer: TaskAnswer): void {
    if (this.#isOver) return
    this.#abandons.delete(index)
    this.#answered++
    this.#isHeldBack = false
    this.#window = Math.min(this.#window + 1, MOST_UNDER_WAY)
    this.#longLineBytes = Math.max(this.#lines.add(index, answer), this.#longLineBytes * DECAY)
    this.resume()
  }
}

/** The mode of every body was looked at before the first one was begun. */
function refuseStream(): never {
  throw new Error('a batch has no streams')
}

/** In a batch a body that POST /task answers with 400 is 422: the request as a whole was right. */
export function asWrongBody(answer: TaskAnswer): TaskAnswer {
  const body = JSON.parse(String(answer.body)) as object
  return { ...answer, status: 422, body: JSON.stringify({ ...body, status: 422 }) }
}
