/**
 * Runs as their routes see them: read, waited for, cancelled, explained. Implemented by `runs/`, used
 * by `http/`. Everything answers by a promise, for runs on disk are read from a thread of the store. What cannot be
 * read is a rejection with `StoreError`.
 */
import type { BulkAction, BulkView, ExplanationView, FieldError, RunView, TaskError } from '@berth/protocol'
import type { RunFilter } from './run-filter.ts'
import type { RunParts, RunTally } from './run-reads.ts'
import type { IdempotencyRow } from './run-writes.ts'
import type { RunOrder, StoredPayload } from './stored-run.ts'
import type { Settlement, Submission } from './submission.ts'

export type Changed =
  | { readonly ok: true; readonly run: RunView }
  | { readonly ok: false; readonly error: TaskError }

export interface RunsPort {
  /** The newest first, at most `count`, of those accepted before the run `before`. */
  list(filter: RunFilter, count: number, before?: string): Promise<readonly RunView[]>
  /** Exact up to `atMost`, else `atMost`. */
  count(filter: RunFilter, atMost: number): Promise<number>
  /** As `RunReads.tally`, with tasks in memory. */
  tally(filter: RunFilter, edgesMs: readonly number[], atMost: number): Promise<RunTally>
  /** All that are meant, by function and status. */
  parts(filter: RunFilter): Promise<RunParts>
  find(id: string): Promise<RunView | undefined>
  /** The same without input and result, which may be large. */
  glance(id: string): Promise<RunView | undefined>
  /**
   * The run when it is final, or as it is after `ms`, when `signal` fires or at the bound of a drain.
   * Undefined for an unknown one; an error when too many wait already.
   */
  waitFor(id: string, ms: number, signal: AbortSignal): Promise<Changed | undefined>
  /** Ends a run that has not ended; any other stays as it is. Undefined for an unknown one. */
  cancel(id: string): Promise<Changed | undefined>
  /** Only of a run that waits. Undefined for an unknown one. */
  reprioritise(id: string, priority: number): Promise<Changed | undefined>
  explain(id: string): Promise<ExplanationView | undefined>
  /** What would become of a task that came now; nothing runs. */
  explainTask(submission: Submission): Promise<ExplanationView>
}

/** What a durable run needs of its worker; a run as it is shown does not say. */
export interface RunSelectorPort {
  /** In the one form in which selectors are kept; null where any worker will do. Undefined: no such durable run. */
  selectorOf(id: string): Promise<Readonly<Record<string, unknown>> | null | undefined>
}

/**
 * A durable run that somebody wants; the rest of a `RunOrder` is fixed at acceptance. Its input has been held
 * against the function's schema already (`InputCheckPort`).
 */
export interface NewRun
  extends Omit<
    RunOrder,
    'seq' | 'id' | 'contract' | 'acceptedMs' | 'scheduledForMs' | 'schedule' | 'parent'
  > {
  /** Undefined: the group's default contract. */
  readonly contract: number | undefined
  readonly priority: number
  readonly payload: StoredPayload
  /** Whose run it is; null or absent for none. */
  readonly schedule?: string | null | undefined
  /** The instant of its schedule that it stands for; absent: when it is due, of a delayed one. */
  readonly scheduledForMs?: number | null | undefined
}

/** An `Idempotency-Key` in its scope; hex SHA-256 each. */
export interface KeyUse {
  readonly hash: string
  readonly bodyHash: string
  /** `accepted`: nobody waits for the end, so the first answer is known now. */
  readonly answer: 'accepted' | null
}

export type Accepted =
  | {
      readonly ok: true
      /** In the order in which they were given. */
      readonly runs: readonly string[]
      /** They began before, under the same key, and nothing was accepted now. */
      readonly isReplay: boolean
      /** Of a replay: how the first call was answered; null while it is not, and for what is new. */
      readonly answer: IdempotencyRow['answer']
    }
  /** Nothing was accepted; `index` names the run that is wrong. */
  | { readonly ok: false; readonly error: TaskError; readonly index?: number }

/** Durable runs, for the routes that begin them. */
export interface DurableRunsPort {
  /**
   * Answers once all runs are on disk, or none is and why: RUN_LIMIT (429), DISK_RESERVE and the store (503), a
   * drain (503), an unknown function (404), a key with another body (422). A run of mode sync is refused where a
   * task in memory would be: nobody in service, or paused (503). The key is looked at first: a replay is told
   * whatever has become of the limits since.
   */
  accept(runs: readonly NewRun[], key: KeyUse | undefined): Promise<Accepted>
  /**
   * What `accept` says of a key that was used before, for a call whose bodies are refused by now: a schema or a rule
   * may be another since. Undefined for a key that is new; begins nothing.
   */
  replay(key: KeyUse): Promise<Accepted | undefined>
  /**
   * The end of a run that was accepted, now or long ago, once it is on disk; undefined when it does not come within
   * `ms` (0: is it there already?), when `signal` fires or when the balancer drains.
   */
  outcome(id: string, ms: number, signal: AbortSignal): Promise<Settlement | undefined>
  /** The first call of a key was answered before the end, though it had meant to wait. */
  noteAnswer(key: KeyUse, answer: 'accepted'): void
}

/** Durable runs wherever they are, in memory or on disk alone. Undefined answers: there is no such durable run. */
export interface SteerRunsPort {
  /** Ends a run that has not ended, and answers when its end is on disk; any other stays as it is. */
  cancel(id: string): Promise<Removed | undefined>
  /** Only of a run that waits. */
  reprioritise(id: string, priority: number): Promise<Removed | undefined>
}

/** A function, and the contract that was asked for: undefined is the group's default. */
export interface FunctionTarget {
  readonly group: string
  readonly function: string
  readonly contract: number | undefined
}

/** For whoever accepts what is run later: the worker's own judgement comes too late for the caller. */
export interface InputCheckPort {
  /**
   * What the function is sure to refuse of an input; pointers into it. Empty when it fits, and when nobody knows:
   * the worker judges in any case.
   */
  check(target: FunctionTarget, input: object): readonly FieldError[]
}

export interface RetryChanges {
  /** Instead of the run's own. */
  readonly input?: Readonly<Record<string, unknown>> | undefined
  readonly priority?: number | undefined
  readonly trigger: 'api' | 'ui'
}

export type Removed = { readonly ok: true } | { readonly ok: false; readonly error: TaskError }

/** A run that comes of another; `isReplay`: its key had begun it before. */
export type BegunRun =
  | { readonly ok: true; readonly run: RunView; readonly isReplay: boolean }
  | { readonly ok: false; readonly error: TaskError }

/** What can be done with a run that has ended. Undefined answers: there is no such run. */
export interface EndedRunsPort {
  /** Begins a new run with its order; only of a final one whose input is there. Under a key at most one, ever. */
  retry(id: string, changes: RetryChanges, key?: KeyUse): Promise<BegunRun | undefined>
  /** Forgets a final run with all it has. */
  remove(id: string): Promise<Removed | undefined>
}

/** Another turn after a run. */
export interface Continuation {
  readonly input: Readonly<Record<string, unknown>>
  readonly trigger: 'api' | 'ui'
  /** A traceparent, or empty. */
  readonly trace: string
}

/** For sessions. Undefined answers: there is no such run. */
export interface ContinueRunsPort {
  /**
   * Begins a new run of the same session with the run's order; a run of none starts the session that bears its id.
   * Under a key at most one, ever.
   */
  continue(id: string, next: Continuation, key?: KeyUse): Promise<BegunRun | undefined>
}

export type BulkBegun =
  | { readonly ok: true; readonly bulk: BulkView }
  | { readonly ok: false; readonly error: TaskError }

/** One action on all runs that a filter means: counted first, then done in the background, over restarts. */
export interface BulkPort {
  /** How many it would be; runs that the action cannot change (cancel: final ones, else: others) do not count. */
  count(action: BulkAction, filter: RunFilter): Promise<number>
  /** The same by function and status. */
  preview(action: BulkAction, filter: RunFilter): Promise<RunParts>
  /** Answers once it is on disk. Runs that are accepted later are not meant. */
  begin(action: BulkAction, filter: RunFilter): Promise<BulkBegun>
  find(id: string): Promise<BulkView | undefined>
  /** What is done stays done. Undefined for an unknown one. */
  stop(id: string): Promise<BulkView | undefined>
}
