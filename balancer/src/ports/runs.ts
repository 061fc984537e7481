/**
 * Runs as their routes see them: read, waited for, cancelled, explained. Implemented by `runs/`, used
 * by `http/`. Everything answers by a promise, for runs on disk are read from a thread of the store;
 * those in memory are only the first kind.
 */
import type { ExplanationView, RunStatus, RunView, TaskError } from '@berth/protocol'
import type { Submission } from './scheduling.ts'

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
