/**
 * Records every step of every task while a world runs, and of the attempt that it has: what C13 holds
 * against the tables of the core. It looks through the one property by which a task changes its phase.
 */
import {
  ATTEMPT_EDGES,
  type AttemptState,
  type Edges,
  PHASE_EDGES,
  type Phase,
  STATUS_OF_PHASE,
} from '../../balancer/src/core/states.ts'
import { Task } from '../../balancer/src/core/task.ts'
import type { RunStatus } from '../../protocol/src/index.ts'
import { RUN_EDGES } from '../../protocol/src/index.ts'

/** `from>to`, each once. */
export interface Steps {
  readonly phases: ReadonlySet<string>
  readonly attempts: ReadonlySet<string>
  readonly statuses: ReadonlySet<string>
}

/** Records until `stop`; `ended` is to be told the status of each run that ends. One at a time. */
export class StepWatch implements Steps {
  readonly phases = new Set<string>()
  readonly attempts = new Set<string>()
  readonly statuses = new Set<string>()
  readonly #attempts = new WeakMap<Task, { readonly id: number; state: AttemptState }>()
  readonly #statuses = new WeakMap<object, RunStatus>()
  #isOn = false
  readonly #original = Object.getOwnPropertyDescriptor(Task.prototype, 'phase') as PropertyDescriptor

  start(): void {
    const watch = this
    this.#isOn = true
    const { get, set } = this.#original
    Object.defineProperty(Task.prototype, 'phase', {
      ...this.#original,
      set(this: Task, next: Phase) {
        note(watch.phases, get?.call(this) as Phase, next)
        set?.call(this, next)
        watch.#noteAttempt(this, next)
        watch.#noteStatus(this, next)
      },
    })
  }

  stop(): void {
    this.#isOn = false
    Object.defineProperty(Task.prototype, 'phase', this.#original)
  }

  ended(submission: object, status: RunStatus): void {
    if (!this.#isOn) return
    note(this.statuses, this.#statuses.get(submission) ?? 'queued', status)
    this.#statuses.set(submission, status)
  }

  #noteAttempt(task: Task, phase: Phase): void {
    const known = this.#attempts.get(task)
    const isOver = task.worker?.attempts.get(known?.id ?? 0) !== task
    if (known && (known.id !== task.attemptId || isOver) && phase !== 'sent') this.#end(known)
    if (phase === 'sent') {
      if (known) this.#end(known)
      this.#attempts.set(task, { id: task.attemptId, state: 'sent' })
    } else if (known && known.state !== 'over' && isState(phase)) {
      note(this.attempts, known.state, phase)
      known.state = phase
    }
  }

  #end(attempt: { state: AttemptState }): void {
    note(this.attempts, attempt.state, 'over')
    attempt.state = 'over'
  }

  #noteStatus(task: Task, phase: Phase): void {
    if (phase === 'settled' || phase === 'orphan') return
    const status = phase === 'doubt' && !task.hasStarted ? 'queued' : STATUS_OF_PHASE[phase]
    note(this.statuses, this.#statuses.get(task.submission) ?? 'queued', status)
    this.#statuses.set(task.submission, status)
  }
}

function isState(phase: Phase): phase is Phase & AttemptState {
  return phase === 'running' || phase === 'doubt' || phase === 'orphan'
}

/** To stay is no step. */
function note(steps: Set<string>, from: string, to: string): void {
  if (from !== to) steps.add(`${from}>${to}`)
}

/** Every step that a table allows. */
export function stepsOf(edges: Edges<string> | Readonly<Record<string, readonly string[]>>): Set<string> {
  const steps = new Set<string>()
  for (const [from, to] of Object.entries(edges))
    for (const next of Array.isArray(to) ? to : Object.keys(to)) steps.add(`${from}>${next}`)
  return steps
}

/** Sentences about steps that no table has. */
export function judgeSteps({ phases, attempts, statuses }: Steps): string[] {
  const unknown = (what: string, seen: ReadonlySet<string>, legal: ReadonlySet<string>) =>
    [...seen].filter((step) => !legal.has(step)).map((step) => `${what} went ${step}`)
  return [
    ...unknown('a task', phases, stepsOf(PHASE_EDGES)),
    ...unknown('an attempt', attempts, stepsOf(ATTEMPT_EDGES)),
    ...unknown('a run', statuses, stepsOf(RUN_EDGES)),
  ]
}
