/**
 * A worker as its balancer sees it, for the model of durable runs: keeps what it has started over links and
 * balancers, and the END of a durable run until RESULT-ACK. Nothing happens by itself: the model takes every step.
 */
import type { OutcomeError } from '@berth/protocol'
import type { Assignment } from '../../ports/dispatch.ts'
import type { Outcome, StartedThere } from '../../ports/workforce.ts'

export interface WorkerTask {
  readonly run: string
  readonly fence: number
  state: 'waiting' | 'running' | 'finished'
  /** On the present link; undefined while it belongs to none. */
  number: number | undefined
  outcome: Outcome | undefined
}

export interface Execution {
  readonly run: string
  readonly fence: number
  readonly attempt: number
  readonly boot: string
  readonly session: string | undefined
  /** The earlier turns that came with it. */
  readonly turns: readonly { readonly input: unknown; readonly output: unknown }[]
}

/** What it says on its link. */
export type Said =
  | { readonly kind: 'started'; readonly number: number }
  | { readonly kind: 'returned'; readonly number: number; readonly why: 'busy' | 'recalled' }
  | { readonly kind: 'finished'; readonly number: number; readonly outcome: Outcome }

const NOTHING = new Uint8Array(0)
const AHEAD = 4

export class ModelWorker {
  readonly id: string
  readonly slots: number
  bootId: string
  readonly tasks = new Set<WorkerTask>()
  /** What waits to be read by the balancer, in order. */
  said: Said[] = []
  readonly #begin: (execution: Execution) => void
  readonly #fences = new Map<string, number>()
  #boots = 1

  /** `begin` hears of every handler as it is called. */
  constructor(id: string, slots: number, begin: (execution: Execution) => void) {
    this.id = id
    this.slots = slots
    this.bootId = `${id}-boot-1`
    this.#begin = begin
  }

  get started(): WorkerTask[] {
    return [...this.tasks].filter(({ state }) => state !== 'waiting')
  }

  get running(): WorkerTask[] {
    return [...this.tasks].filter(({ state }) => state === 'running')
  }

  /** Slots in use, and those of them that the present link knows of. */
  get used(): { readonly all: number; readonly linked: number } {
    const { running } = this
    return { all: running.length, linked: running.filter(({ number }) => number !== undefined).length }
  }

  hello(): StartedThere[] {
    for (const task of this.tasks) if (task.state === 'waiting') this.tasks.delete(task)
    for (const task of this.tasks) task.number = undefined
    this.said = []
    return this.started.map(({ run, fence, state }) => ({
      run,
      fence,
      durable: true,
      finished: state === 'finished',
    }))
  }

  adopt(run: string, fence: number, number: number): void {
    const task = this.started.find((one) => one.run === run && one.fence === fence)
    if (!task) {
      const error = { code: 'WORKER_LOST', message: 'no result any more' }
      this.said.push({ kind: 'finished', number, outcome: outcomeOf('lost', NOTHING, error) })
      return
    }
    task.number = number
    if (task.outcome) this.said.push({ kind: 'finished', number, outcome: task.outcome })
  }

  take({ attemptId, run, fence, attempt, extras, payload }: Assignment): void {
    const isOld = fence < (this.#fences.get(run) ?? 0)
    const open = [...this.tasks].filter(({ state }) => state !== 'finished').length
    if (isOld || open >= this.slots + AHEAD) {
      this.said.push({ kind: 'returned', number: attemptId, why: 'busy' })
      return
    }
    this.#fences.set(run, fence)
    const task: WorkerTask = { run, fence, state: 'waiting', number: attemptId, outcome: undefined }
    // The link has them now; nobody keeps them for it.
    const turns = payload.turns ? JSON.parse(Buffer.from(payload.turns).toString()) : []
    this.#told.set(task, { attempt, session: extras?.session, turns })
    this.tasks.add(task)
  }
  readonly #told = new WeakMap<WorkerTask, Pick<Execution, 'attempt' | 'session' | 'turns'>>()

  /** Starts whatever has a slot. */
  startNext(): void {
    const next = [...this.tasks].find(({ state }) => state === 'waiting')
    if (!next || this.running.length >= this.slots) return
    next.state = 'running'
    const { run, fence, number } = next
    const told = this.#told.get(next) ?? { attempt: 0, session: undefined, turns: [] }
    this.#begin({ run, fence, boot: this.bootId, ...told })
    if (number !== undefined) this.said.push({ kind: 'started', number })
  }

  finish(task: WorkerTask, how: 'completed' | 'failed' | 'cancelled', wrong?: OutcomeError): void {
    task.state = 'finished'
    const code = how === 'cancelled' ? 'CANCELLED' : 'FUNCTION_FAILED'
    const error = wrong ?? { code, message: 'so it is' }
    const result = Buffer.from(JSON.stringify(`${task.run} ${task.fence}`))
    task.outcome = how === 'completed' ? outcomeOf(how, result) : outcomeOf(how, NOTHING, error)
    if (task.number !== undefined)
      this.said.push({ kind: 'finished', number: task.number, outcome: task.outcome })
  }

  recall(number: number): void {
    const task = this.#byNumber(number)
    if (task?.state !== 'waiting') return
    this.tasks.delete(task)
    this.said.push({ kind: 'returned', number, why: 'recalled' })
  }

  cancel(number: number): void {
    const task = this.#byNumber(number)
    if (task?.state === 'waiting') this.recall(number)
    else if (task?.state === 'running') this.finish(task, 'cancelled')
  }

  acknowledge(number: number, fence: number): void {
    const task = this.#byNumber(number)
    if (task?.state === 'finished' && task.fence === fence) this.tasks.delete(task)
  }

  /** The link is gone: what had not started is given up. */
  cut(): void {
    for (const task of this.tasks) {
      if (task.state === 'waiting') this.tasks.delete(task)
      task.number = undefined
    }
    this.said = []
  }

  kill(): void {
    this.tasks.clear()
    this.said = []
    this.#fences.clear()
    this.bootId = `${this.id}-boot-${++this.#boots}`
  }

  #byNumber(number: number): WorkerTask | undefined {
    return [...this.tasks].find((task) => task.number === number)
  }
}

function outcomeOf(outcome: Outcome['outcome'], result: Uint8Array, error?: OutcomeError): Outcome {
  return { outcome, runMs: 1, mediaType: '', result, ...(error ? { error } : {}) }
}
