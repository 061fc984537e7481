/**
 * Another turn after a run: a new run of its session, with its order and another input. A run of no session starts
 * the one that bears its id, and is its first turn. Called by the routes through ports/runs.ts.
 * Invariant: what could never be shown as an earlier turn is refused, not passed over.
 */
import type { TaskError } from '@berth/protocol'
import type { RunReads } from '../../ports/run-reads.ts'
import type {
  BegunRun,
  Continuation,
  ContinueRunsPort,
  DurableRunsPort,
  KeyUse,
  NewRun,
  RunsPort,
} from '../../ports/runs.ts'
import type { DoneRun, LiveRun } from '../../ports/stored-run.ts'
import { jsonPayload, orderLike } from '../ended-runs.ts'
import { storeUnavailable } from '../run-admission.ts'

export interface ContinuedRunsOptions {
  readonly durable: Pick<DurableRunsPort, 'accept' | 'replay'>
  readonly reads: Pick<RunReads, 'find'>
  readonly runs: Pick<RunsPort, 'find'>
}

type Found = { readonly order: NewRun } | { readonly error: TaskError } | undefined

export class ContinuedRuns implements ContinueRunsPort {
  readonly #options: ContinuedRunsOptions

  constructor(options: ContinuedRunsOptions) {
    this.#options = options
  }

  async continue(id: string, next: Continuation, key?: KeyUse): Promise<BegunRun | undefined> {
    const { durable, runs } = this.#options
    try {
      const found = await this.#orderOf(id, next)
      const isRefused = found === undefined || 'error' in found
      // A key comes before the judgement: what it began is answered again.
      const accepted = isRefused
        ? key && (await durable.replay(key))
        : await durable.accept([found.order], key)
      if (!accepted) return found && 'error' in found ? { ok: false, error: found.error } : undefined
      if (!accepted.ok) return accepted
      const run = await runs.find(accepted.runs[0] as string)
      return run && { ok: true, run, isReplay: accepted.isReplay }
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      return { ok: false, error: storeUnavailable(detail) }
    }
  }

  async #orderOf(id: string, next: Continuation): Promise<Found> {
    const { reads, runs } = this.#options
    const found = await reads.find(id)
    if (!found) return (await runs.find(id)) && { error: notKept(id) }
    const { run } = found
    if (found.kind === 'done' && !found.run.isDurable) return { error: notKept(id) }
    if (run.session === null && run.status === 'scheduled') return { error: notDue(run) }
    return { order: turnAfter(run, next) }
  }
}

/** Its deadline, its delay and whose retry it was were its own. */
function turnAfter(run: LiveRun | DoneRun, { input, trigger, trace }: Continuation): NewRun {
  const session = run.session ?? run.id
  return { ...orderLike(run), trigger, session, retryOf: null, trace, payload: jsonPayload(input) }
}

function notKept(id: string): TaskError {
  return {
    code: 'CONFLICT',
    detail: `The run ${id} lived in memory, so neither its input nor its result is kept and no session can begin with it. Send the task with a \`session\` of your own.`,
  }
}

function notDue({ id, scheduledForMs, dueMs }: Pick<LiveRun, 'id' | 'scheduledForMs' | 'dueMs'>): TaskError {
  const dueAt = new Date(dueMs ?? scheduledForMs ?? 0).toISOString()
  return {
    code: 'CONFLICT',
    detail: `The run ${id} is not due before ${dueAt}, and no turn can follow one that has none yet. Continue it then, or give both a \`session\` when they are sent.`,
  }
}
