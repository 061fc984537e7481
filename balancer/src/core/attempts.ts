/**
 * What workers report of their attempts: STARTED, items of a stream, END, BUSY and RECALLED; and what the disk says
 * of those that are written first. Owned by the scheduler, which finds nobody here for what a worker says of an
 * attempt that it does not hold.
 * Invariant: an END frees the attempt's slots before anybody judges what it means, and its worker is
 * served once that is known.
 */
import type { OutcomeError } from '@berth/protocol'
import type { Caller, CallTarget } from '../ports/calls.ts'
import type { FilePiece } from '../ports/files.ts'
import type { UsagePort } from '../ports/metering.ts'
import type { StreamItem } from '../ports/stream.ts'
import type { Outcome } from '../ports/workforce.ts'
import type { AttemptEnds } from './attempt-ends.ts'
import type { Directory } from './directory.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Placement } from './placement.ts'
import type { Task } from './task.ts'
import type { Trouble } from './trouble.ts'
import type { Worker } from './worker.ts'

export interface AttemptsOptions {
  readonly workers: ReadonlyMap<string, Worker>
  readonly lifecycle: Lifecycle
  readonly placement: Placement
  readonly ends: AttemptEnds
  readonly trouble: Trouble
  /** Hears what tasks in memory use; nobody unless given. */
  readonly usage?: UsagePort | undefined
  /** The end of an attempt that is not here, or not any more. */
  readonly onLate: (worker: Worker, attemptId: number) => void
}

export class Attempts {
  readonly #options: AttemptsOptions
  readonly #workers: ReadonlyMap<string, Worker>

  constructor(options: AttemptsOptions) {
    this.#options = options
    this.#workers = options.workers
  }

  /** The task that a handler runs; undefined when nobody wants its result any more. */
  runningTask(id: string, attemptId: number): Task | undefined {
    const task = this.#workers.get(id)?.attempts.get(attemptId)
    return task?.phase === 'running' ? task : undefined
  }

  /** What came behind a setup says nothing of the way to its worker. */
  started(id: string, attemptId: number, isCold: boolean, now: number): void {
    const worker = this.#workers.get(id)
    const task = worker?.attempts.get(attemptId)
    if (!worker || !task || task.hasStarted) return
    if (!task.isAhead && !isCold) worker.noteRoundTrip(now - task.sentAt)
    this.#begin(task, worker, now)
    task.isCold = isCold
  }

  streamed(id: string, attemptId: number, item: StreamItem, now: number): void {
    const worker = this.#workers.get(id)
    const task = worker?.attempts.get(attemptId)
    if (!worker || !task || task.isSettled || !this.#isWanted(task, item))
      return item.source.taken(item.bytes.length)
    if (!task.hasStarted) this.#begin(task, worker, now)
    // A durable run's chunks go into its events, which tell of every attempt.
    if (item.kind === 'chunk' && !task.submission.isDurable) task.hasLeft = true
    const queueMs = Math.max(0, task.startedAt - task.acceptedAt)
    const origin = { worker: id, attempt: task.attempts, queueMs }
    if (isForMeters(task, item)) this.#options.usage?.item(task.submission, item, origin)
    else task.submission.onItem?.(item, origin)
  }

  #isWanted(task: Task, item: StreamItem): boolean {
    const taker = isForMeters(task, item) ? this.#options.usage : task.submission.onItem
    return taker !== undefined
  }

  filed(id: string, attemptId: number, piece: FilePiece, now: number): void {
    const worker = this.#workers.get(id)
    const task = worker?.attempts.get(attemptId)
    if (!worker || !task?.submission.onFile || task.isSettled) {
      if (piece.header) piece.answer(piece.header.file, NO_FILES)
      return piece.source.taken(piece.recordBytes)
    }
    if (!task.hasStarted) this.#begin(task, worker, now)
    task.submission.onFile(piece, { attempt: task.attempts, fence: task.fence })
  }

  finished(id: string, attemptId: number, outcome: Outcome, now: number): void {
    const worker = this.#workers.get(id)
    const task = worker?.attempts.get(attemptId)
    if (!worker) return
    if (!task) return this.#options.onLate(worker, attemptId)
    const { lifecycle, placement, ends } = this.#options
    if (!isUnbegun(task, outcome) && !task.hasStarted) this.#begin(task, worker, now)
    lifecycle.endCalls(task, now)
    if (outcome.outcome !== 'refused')
      task.coldStartMs = (task.coldStartMs ?? 0) + (outcome.facts?.coldStartMs ?? 0)
    worker.tally.ended(outcome.outcome)
    if (outcome.outcome === 'completed') measure(task, worker, outcome.runMs, now)
    placement.release(task, now, !task.hasStarted)
    this.#noteHealth(task, worker, outcome, now)
    ends.conclude(task, worker, outcome, now)
    placement.serveWorker(worker, now)
  }

  returned(id: string, attemptId: number, why: 'busy' | 'recalled', now: number): void {
    const worker = this.#workers.get(id)
    const task = worker?.attempts.get(attemptId)
    if (!worker || !task) return
    const { placement, ends, trouble } = this.#options
    if (why === 'busy') trouble.block(worker, now)
    ends.endSilently(task, 'never-started', now)
    placement.serveWorker(worker, now)
  }

  /** What holds it back cannot be brought to disk now: its slot is free for others, and it is tried later. */
  unwritten(id: string, attemptId: number, now: number): void {
    const worker = this.#workers.get(id)
    const task = worker?.attempts.get(attemptId)
    if (!worker || !task?.held) return
    const { placement, ends } = this.#options
    if (task.phase === 'sent') ends.tryLater(task, now)
    else ends.endSilently(task, 'never-started', now)
    placement.serveWorker(worker, now)
  }

  /** What held it back is on disk: it is sent. */
  written(id: string, attemptId: number, now: number): void {
    const worker = this.#workers.get(id)
    const task = worker?.attempts.get(attemptId)
    const { placement, ends } = this.#options
    if (!worker || !task?.held || placement.sendHeld(task, now)) return
    ends.endSilently(task, 'never-started', now)
    placement.serveWorker(worker, now)
  }

  #begin(task: Task, worker: Worker, now: number): void {
    worker.busyStreak = 0
    task.occupancy = worker.used / worker.limit
    this.#options.lifecycle.begin(task, now)
  }

  /** A refusal says something of the worker unless it was told to take nothing. */
  #noteHealth(task: Task, worker: Worker, { outcome, error }: Outcome, now: number): void {
    const { health } = this.#options.placement
    const { lane } = task
    if (outcome === 'cancelled' || (task.endsUntilAt !== undefined && outcome !== 'completed')) return
    if (outcome === 'refused') {
      if (error?.code === 'UNKNOWN_FUNCTION' || error?.code === 'CONTRACT_MISMATCH')
        health.failed(worker, now)
    } else if (outcome === 'lost') health.failed(worker, now)
    else {
      health.answered(worker, now)
      // That a run may use no more is nobody's fault there.
      const isWell = outcome === 'completed' || error?.code === 'BUDGET_EXHAUSTED'
      if (lane) health.ran(worker, lane, isWell, now)
    }
  }
}

const NO_FILES: OutcomeError = {
  code: 'CONFLICT',
  message: 'this task keeps no files any more: it has ended, or another attempt has taken its place',
}

/** What a task in memory uses is nobody else's business. */
function isForMeters({ submission }: Task, { kind }: StreamItem): boolean {
  return kind === 'usage' && !submission.isDurable
}

/** What may be told of a running task to those that it calls. */
export function callerFacts(task: Task): Caller {
  const { submission, priority, calls } = task
  task.tree ??= submission.call?.tree ?? { run: submission.run, isDurable: submission.isDurable, kept: 0 }
  const { run, group, function: name, fairnessKey, deadlineAt, trace, call, budget, meter } = submission
  const callers = call?.callers ?? []
  return {
    run,
    group,
    function: name,
    priority,
    fairnessKey,
    deadlineAt,
    trace,
    callers,
    calls: calls?.size ?? 0,
    tree: task.tree,
    budget,
    meter,
  }
}

/** What a running task calls, as it would be taken now. */
export function callTarget(caller: Task | undefined, name: string, directory: Directory): CallTarget {
  const own = caller?.lane?.needs
  if (!own) return UNKNOWN_TARGET
  const usual = directory.defaultContract(own.group, name)
  for (const contract of [own.contract, usual]) {
    const idempotent =
      contract === undefined ? undefined : takenBy(caller, own.group, name, contract, directory)
    if (idempotent !== undefined) return { contract, idempotent }
  }
  return UNKNOWN_TARGET
}

const UNKNOWN_TARGET: CallTarget = { contract: undefined, idempotent: null }

/** Whether it is idempotent, by whoever takes it; undefined when nobody does. */
function takenBy(
  { worker }: Task,
  group: string,
  name: string,
  contract: number,
  directory: Directory,
): boolean | null | undefined {
  for (const { members, functions } of directory.having(group, name, contract))
    for (const member of members)
      if (member.isServing || (member === worker && member.facts.takesCalls))
        return functions.get(name)?.idempotent ?? null
  return undefined
}

function measure({ lane, occupancy }: Task, worker: Worker, runMs: number, now: number): void {
  if (lane) worker.noteService(lane.needs.function, lane.times, { runMs, occupancy, now })
}

/** The worker says itself that the handler was not called. */
function isUnbegun({ endsUntilAt }: Task, { outcome }: Outcome): boolean {
  return outcome === 'refused' || (outcome === 'cancelled' && endsUntilAt !== undefined)
}
