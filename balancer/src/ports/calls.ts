/**
 * Tasks that call: where a call comes from, what is handed down to it, what it would get.
 * `core/scheduler.ts` implements `CallPort` for `fleet/`, which hears the calls of handlers; `runs/` keeps what of a
 * tree is durable. Instants are the core's monotonic milliseconds.
 */
import type { BudgetLevel } from '@berth/protocol'
import type { RunMeter } from './metering.ts'
import type { SubmitPort } from './submission.ts'

/** The attempt whose handler called a task. */
export interface CallOrigin {
  readonly worker: string
  readonly attemptId: number
  /** Its run. */
  readonly parent: string
  /** The functions above the task, the first one first; the last one called it. */
  readonly callers: readonly string[]
  readonly tree?: CallTree | undefined
}

/** What all tasks share that come of the calls of one; one object a tree. */
export interface CallTree {
  /** The run that nobody called. */
  readonly run: string
  /** Its runs are kept on disk. */
  readonly isDurable: boolean
  /** So many of them, so far. */
  kept: number
}

/** A running task whose handler calls another function: what is handed down. */
export interface Caller {
  readonly run: string
  readonly group: string
  readonly function: string
  readonly priority: number
  readonly fairnessKey: string | undefined
  readonly deadlineAt: number
  readonly trace: string
  /** The functions above it, the first one first. */
  readonly callers: readonly string[]
  /** What it has called and waits for. */
  readonly calls: number
  readonly tree: CallTree
  readonly budget?: BudgetLevel | undefined
  readonly meter?: RunMeter | undefined
}

/** What is called, as it would be taken now. */
export interface CallTarget {
  /** Undefined: the group's default. */
  readonly contract: number | undefined
  readonly idempotent: boolean | null
}

/** For calls of handlers, which `fleet/` hears of. */
export interface CallPort extends Pick<SubmitPort, 'submit'> {
  /** Undefined when this attempt does not run, or nobody wants its result any more. */
  caller(worker: string, attemptId: number): Caller | undefined
  /** Under its caller's contract where somebody takes it under that, else under the default. */
  callTarget(worker: string, attemptId: number, name: string): CallTarget
}
