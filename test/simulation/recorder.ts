/**
 * What happened, for the checkers: every submission with its ends, every start and end of a handler,
 * in the order of the simulation's clock. Written by world.ts and the workers; nothing here judges.
 */
import type { TaskError } from '@berth/protocol'
import type { Assignment } from '../../balancer/src/ports/dispatch.ts'
import type { Settlement, Submission } from '../../balancer/src/ports/submission.ts'
import type { FunctionFacts } from '../../balancer/src/ports/workforce.ts'

export interface Execution {
  readonly run: string
  readonly worker: string
  readonly attemptId: number
  readonly fence: number
  readonly startedAt: number
  endedAt: number
  outcome: 'running' | 'completed' | 'failed' | 'cancelled' | 'killed'
}

export interface TaskRecord {
  readonly submission: Submission
  readonly facts: FunctionFacts
  readonly submittedAt: number
  /** Group, contract, function and selector: who competes with whom. */
  readonly lane: string
  refusal: TaskError | undefined
  readonly settlements: { readonly at: number; readonly settlement: Settlement }[]
  readonly executions: Execution[]
  readonly sends: { readonly at: number; readonly assignment: Assignment }[]
  /** Since when it stands in line at the balancer, or -1. */
  waitingSince: number
}

/** A start as it happens, with the slots of its worker after it. */
export interface Start {
  readonly record: TaskRecord | undefined
  readonly execution: Execution
  readonly used: number
  readonly limit: number
  /** Its worker stood still between the sending and the start. */
  readonly wasFrozen: boolean
}

interface StartedAt {
  readonly used: number
  readonly limit: number
  readonly thawedAt: number
}

export class Recorder {
  readonly tasks = new Map<string, TaskRecord>()
  /** Runs whose start nobody asked for. */
  readonly strangers: Execution[] = []
  /** Tasks sent to a free slot that found none. */
  readonly queuedThough: { readonly worker: string; readonly assignment: Assignment }[] = []
  /** Called at every send, before it is among the sends of its task. */
  onSend: ((record: TaskRecord, assignment: Assignment) => void) | undefined
  /** Called at every start, for checkers that look at the moment. */
  onStart: ((start: Start) => void) | undefined

  noteStart({ used, limit, thawedAt }: StartedAt, execution: Execution): void {
    const { run, startedAt } = execution
    const record = this.tasks.get(run)
    if (record) record.executions.push(execution)
    else this.strangers.push(execution)
    const wasFrozen = thawedAt >= (record?.sends.at(-1)?.at ?? startedAt)
    this.onStart?.({ record, execution, used, limit, wasFrozen })
  }

  noteQueued(worker: string, assignment: Assignment): void {
    if (!assignment.isAhead) this.queuedThough.push({ worker, assignment })
  }
}
