/**
 * Runs as their routes see them: read, waited for, cancelled, explained. Implemented by `runs/`, used
 * by `http/`. Everything answers by a promise, for runs on disk are read from a thread of the store;
 * those in memory are only the first kind.
 */
import type { ExplanationView, RunStatus, RunView, TaskError } from '@berth/protocol'
import type { RunOrder, StoredPayload } from './run-store.ts'
import type { Settlement, Submission } from './scheduling.ts'

/** What a list is narrowed to; all that is given must hold. */
export interface RunFilter {
  readonly status?: readonly RunStatus[] | undefined
  readonly function?: string | undefined
  readonly group?: string | undefined
  readonly worker?: string | undefined
  readonly session?: string | undefined
  readonly schedule?: string | undefined
  /** Part of the id, the function, metadata or the error, in any case of letters. */
  readonly q?: string | undefined
  /** Unix milliseconds of acceptance, both included. */
  readonly fromMs?: number | undefined
  readonly toMs?: number | undefined
}

export type Changed =
  | { readonly ok: true; readonly run: RunView }
  | { readonly ok: false; readonly error: TaskError }

export interface RunsPort {
  /** The newest first, at most `count`, of those accepted before the run `before`. */
  list(filter: RunFilter, count: number, before?: string): Promise<readonly RunView[]>
  find(id: string): Promise<RunView | undefined>
  /**
   * The run when it is final, or as it is after `ms`, when `signal` fires or when the balancer drains.
   * Undefined for an unknown one; an error when too many wait already.
   */
  waitFor(id: string, ms: number, signal: AbortSignal): Promise<Changed | undefined>
  /** Ends a run that has not ended; any other stays as it is. */
  cancel(id: string): Promise<RunView | undefined>
  /** Only of a run that waits. Undefined for an unknown one. */
  reprioritise(id: string, priority: number): Promise<Changed | undefined>
  explain(id: string): Promise<ExplanationView | undefined>
  /** What would become of a task that came now; nothing runs. */
  explainTask(submission: Submission): Promise<ExplanationView>
}

/** A durable run that somebody wants; the rest of a `RunOrder` is fixed at acceptance. */
export interface NewRun
  extends Omit<
    RunOrder,
    'seq' | 'id' | 'contract' | 'acceptedMs' | 'scheduledForMs' | 'schedule' | 'parent'
  > {
  /** Undefined: the group's default contract. */
  readonly contract: number | undefined
  readonly priority: number
  readonly payload: StoredPayload
}

/** An `Idempotency-Key` in its scope; hex SHA-256 each. */
export interface KeyUse {
  readonly hash: string
  readonly bodyHash: string
}

export type Accepted =
  | {
      readonly ok: true
      readonly runs: readonly string[] /** They began before, under the same key. */
      readonly isReplay: boolean
    }
  /** Nothing was accepted; `index` names the run that is wrong. */
  | { readonly ok: false; readonly error: TaskError; readonly index?: number }

/** Durable runs, for the routes that begin them. */
export interface DurableRunsPort {
  /**
   * Answers once all runs are on disk, or none is and why: RUN_LIMIT (429), DISK_RESERVE and the store (503), an
   * unknown function (404), a wrong input (422), a key with another body (422).
   */
  accept(runs: readonly NewRun[], key: KeyUse | undefined): Promise<Accepted>
  /** The end of a run that was accepted, once it is on disk; undefined when it does not come within `ms` or `signal` fires. */
  outcome(id: string, ms: number, signal: AbortSignal): Promise<Settlement | undefined>
  /** How the first call of a key was answered. */
  noteAnswer(key: KeyUse, answer: 'accepted' | 'final'): void
}
