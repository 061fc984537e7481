/**
 * What can be done with a run that has ended: it is begun again, as a new run, or forgotten. Called by the routes
 * through ports/runs.ts. Invariant: a retry is accepted like any run, and says whose retry it is.
 */
import { isFinal, type TaskError } from '@berth/protocol'
import type { Upload, UploadsPort } from '../ports/files.ts'
import type { RunReads } from '../ports/run-reads.ts'
import type {
  BegunRun,
  DurableRunsPort,
  EndedRunsPort,
  KeyUse,
  NewRun,
  Removed,
  RetryChanges,
  RunsPort,
} from '../ports/runs.ts'
import type { DoneRun, LiveRun, StoredPayload } from '../ports/stored-run.ts'
import { storeUnavailable } from './run-admission.ts'

export interface EndedRunsOptions {
  readonly durable: Pick<DurableRunsPort, 'accept'> & Pick<EndedRunsPort, 'remove'>
  readonly reads: Pick<RunReads, 'find' | 'payload'>
  readonly runs: Pick<RunsPort, 'find'>
  /** Copies of what came with a run. */
  readonly uploads?: Pick<UploadsPort, 'copy'> | undefined
  /** Tasks in memory that have ended. */
  readonly sample: { forget(id: string): boolean }
}

export class EndedRuns implements EndedRunsPort {
  readonly #options: EndedRunsOptions

  constructor(options: EndedRunsOptions) {
    this.#options = options
  }

  async remove(id: string): Promise<Removed | undefined> {
    const { durable, runs, sample } = this.#options
    const removed = await durable.remove(id)
    if (removed) return removed
    if (sample.forget(id)) return { ok: true }
    const found = await runs.find(id)
    return found && { ok: false, error: goesOn(id) }
  }

  async retry(id: string, changes: RetryChanges, key?: KeyUse): Promise<BegunRun | undefined> {
    const { reads, durable, runs } = this.#options
    try {
      const found = await reads.find(id)
      if (!found) return await this.#refuseInMemory(id)
      if (found.kind === 'live') return { ok: false, error: goesOn(id) }
      const payload = changes.input ? jsonPayload(changes.input) : await reads.payload(id)
      if (!payload) return { ok: false, error: withoutInput(id) }
      const upload = await this.#copyFiles(found.run)
      if (upload === null) return { ok: false, error: withoutFiles(id) }
      const wanted = { ...again(found.run, payload, changes), uploads: upload?.files }
      const accepted = await durable.accept([wanted], key)
      if (accepted.ok && !accepted.isReplay) upload?.keep()
      else void upload?.drop()
      if (!accepted.ok) return accepted
      const run = await runs.find(accepted.runs[0] as string)
      return run && { ok: true, run, isReplay: accepted.isReplay }
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      return { ok: false, error: storeUnavailable(detail) }
    }
  }

  /** Undefined without any; null when they are not all there. */
  async #copyFiles({ uploads: files = [] }: DoneRun): Promise<Upload | undefined | null> {
    if (files.length === 0) return undefined
    return (await this.#options.uploads?.copy(files)) ?? null
  }

  /** What lived in memory has left no input. */
  async #refuseInMemory(id: string): Promise<BegunRun | undefined> {
    const found = await this.#options.runs.find(id)
    return found && { ok: false, error: isFinal(found.status) ? notKept(id) : goesOn(id) }
  }
}

function again(run: DoneRun, payload: StoredPayload, { priority, trigger }: RetryChanges): NewRun {
  return { ...orderLike(run), trigger, retryOf: run.id, priority: priority ?? run.priority, payload }
}

/** What a run hands on to one that comes of it. Its deadline and its delay were of their time. */
export function orderLike(run: LiveRun | DoneRun): Omit<NewRun, 'trigger' | 'retryOf' | 'payload'> {
  return {
    group: run.group,
    function: run.function,
    contract: run.contract,
    tags: run.tags,
    fairnessKey: run.fairnessKey,
    mode: run.mode === 'webhook' ? 'webhook' : 'async',
    attempts: run.attempts,
    idempotent: run.idempotent,
    timeoutMs: run.timeoutMs,
    deadlineMs: null,
    queueUntilMs: null,
    dueMs: null,
    session: run.session,
    budget: run.budget,
    metadata: run.metadata,
    trace: run.trace,
    webhook: run.webhook,
    priority: run.priority,
  }
}

export function jsonPayload(input: object): StoredPayload {
  return { mediaType: '', bytes: Buffer.from(JSON.stringify(input)), head: null }
}

function goesOn(id: string): TaskError {
  return {
    code: 'NOT_FINISHED',
    detail: `The run ${id} has not ended. Wait for its end, or cancel it first.`,
  }
}

function notKept(id: string): TaskError {
  return {
    code: 'CONFLICT',
    detail: `The run ${id} lived in memory, and its input is not kept. Send the task anew; an async one can be retried.`,
  }
}

function withoutFiles(id: string): TaskError {
  return {
    code: 'CONFLICT',
    detail: `Not all files that came with the run ${id} are there any more. Send the task anew.`,
  }
}

function withoutInput(id: string): TaskError {
  return {
    code: 'CONFLICT',
    detail: `The input of the run ${id} is not kept. Send the task anew, or name the input of the retry.`,
  }
}
