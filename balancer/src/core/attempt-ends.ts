/**
 * What the end of an attempt means for its task: a result, another try, or a failure. Called by
 * attempts.ts with what workers report and by trouble.ts with what they do not; "did it run?" decides
 * every repeat (retry.ts). Invariant: the attempt's slots are free, or kept on purpose, when it is judged.
 */
import type { OutcomeError, TaskError } from '@berth/protocol'
import type { DispatchPort } from '../ports/dispatch.ts'
import type { LedgerPort } from '../ports/ledger.ts'
import type { AttemptOutcome } from '../ports/record.ts'
import type { Outcome } from '../ports/workforce.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Placement } from './placement.ts'
import { backoffMs, isPoison, mayRepeatFailure, mayRepeatLoss, mayRepeatNow } from './retry.ts'
import { attemptOutcome, lostError, poisonedError, provenance, toTaskError } from './settlement.ts'
import type { Task } from './task.ts'
import type { AttemptEnd } from './trouble.ts'
import type { Worker } from './worker.ts'

export interface AttemptEndsOptions {
  readonly lifecycle: Lifecycle
  readonly placement: Placement
  readonly dispatch: DispatchPort
  readonly ledger: LedgerPort
  readonly random: () => number
  /** `TASK_ATTEMPTS`. */
  readonly maxAttempts: number
  /** A worker refused itself though it looked fit: leave it alone for a moment. */
  readonly block: (worker: Worker, now: number) => void
}

/** A worker, of which no more than its name may be known. */
type Place = Pick<Worker, 'id'>

const DISK_RETRY_MS = 1_000
/** Of a task that is tried again and again, the last ones. */
const MAX_HISTORY = 100
/** Codes by which a worker refuses itself, not the task: somebody else may take it. */
const ELSEWHERE = new Set(['MAINTENANCE', 'DRAINING', 'UNKNOWN_FUNCTION', 'CONTRACT_MISMATCH'])

export class AttemptEnds {
  readonly #options: AttemptEndsOptions
  readonly #lifecycle: Lifecycle

  constructor(options: AttemptEndsOptions) {
    this.#options = options
    this.#lifecycle = options.lifecycle
  }

  /** What an END means for the task, whose slots are free again. */
  conclude(task: Task, worker: Worker, outcome: Outcome, now: number): void {
    const { attemptId, fence, submission } = task
    // Its deadline may have been noticed together with this end.
    if (task.isSettled) task.phase = 'settled'
    else this.#judge(task, worker, outcome, now)
    if (!submission.isDurable || this.#lifecycle.settlements.isKeptByWorker(submission.run)) return
    // This outcome is not the run's end, so nobody will ask the worker for it, once what it leads to is on disk: a
    // restart would know of one attempt less, or begin anew what was cancelled.
    if (this.#lifecycle.settlements.readdress(submission.run, fence, worker.id, attemptId)) return
    if (task.isSettled || outcome.outcome === 'refused')
      this.#options.dispatch.acknowledge(worker.id, attemptId, fence)
    else this.#options.ledger.attemptOver(task, worker.id, attemptId, fence)
  }

  /** An attempt ended without a word from its worker, which may still have one. */
  endSilently(task: Task, how: AttemptEnd, now: number, where: Place | undefined = task.worker): void {
    const { worker } = task
    this.#lifecycle.endCalls(task, now)
    if (how !== 'never-started') worker?.tally.ended('lost')
    if (worker && how !== 'never-started' && task.submission.isDurable) noteLate(task, worker)
    this.#options.placement.release(task, now, how === 'never-started' && !task.hasStarted)
    if (task.phase === 'orphan') task.phase = 'settled'
    else if (how === 'never-started') this.#lifecycle.placeAgain(task, now)
    else {
      if (how === 'may-have-started') task.attempts++
      this.#afterLoss(task, now, where, false)
    }
  }

  /** Whether a task that may run where it is may be given to another all the same, as after a loss. */
  mayRunTwice(task: Task): boolean {
    return mayRepeatLoss(task, task.lane?.facts, this.#options.maxAttempts, task.attempts + 1)
  }

  /** The disk cannot say where it would be: it is not sent, and its slot is for others. */
  tryLater(task: Task, now: number): void {
    this.#options.placement.release(task, now, true)
    this.#lifecycle.backOff(task, now + DISK_RETRY_MS)
  }

  /**
   * The link of a stream is gone, and nobody can tell which chunks arrived: its caller hears of it now. What
   * became of the attempt, which keeps its slots, the next hello tells.
   */
  cutStream(task: Task, now: number): void {
    const { worker } = task
    this.#lifecycle.endCalls(task, now)
    const ended = provenance(task, now, now - task.startedAt, worker)
    this.#lifecycle.settle(task, { kind: 'failed', error: lostError(task, worker), ...ended }, now)
    task.phase = 'orphan'
  }

  #judge(task: Task, worker: Worker, outcome: Outcome, now: number): void {
    if (outcome.outcome === 'refused') return this.#afterRefusal(task, worker, outcome.error, now)
    const spent = spentOf(task, outcome, now)
    if (spent) return this.#endSpent(task, worker, spent, outcome, now)
    switch (outcome.outcome) {
      case 'completed':
        return this.#complete(task, worker, outcome, now)
      case 'lost':
        return this.#afterLoss(task, now, worker, true)
      case 'cancelled':
        // Nobody but an operator who empties the worker wants it to end: its caller still waits.
        if (task.endsUntilAt === undefined) return this.#afterFailure(task, worker, outcome, now)
        return task.hasStarted
          ? this.#afterLoss(task, now, worker, true)
          : this.#lifecycle.placeAgain(task, now)
      default:
        return this.#afterFailure(task, worker, outcome, now)
    }
  }

  /** Never repeated: it would use still more. */
  #endSpent(task: Task, worker: Worker, error: TaskError, outcome: Outcome, now: number): void {
    const { result: bytes, mediaType, runMs } = outcome
    const soFar = bytes.length > 0 ? { bytes, mediaType } : undefined
    const ended = provenance(task, now, runMs, worker)
    this.#lifecycle.settle(task, { kind: 'failed', error, soFar, ...ended }, now, true)
  }

  #complete(task: Task, worker: Worker, outcome: Outcome, now: number): void {
    const { result, mediaType, runMs } = outcome
    const ended = provenance(task, now, runMs, worker)
    this.#lifecycle.settle(task, { kind: 'completed', result, mediaType, ...ended }, now, true)
  }

  #afterRefusal(task: Task, worker: Worker, error: OutcomeError | undefined, now: number): void {
    if (error && !ELSEWHERE.has(error.code)) {
      const ended = provenance(task, now, 0, worker)
      return this.#lifecycle.settle(task, { kind: 'failed', error: toTaskError(error), ...ended }, now, true)
    }
    this.#options.block(worker, now)
    this.#lifecycle.placeAgain(task, now)
  }

  #afterFailure(task: Task, worker: Worker, outcome: Outcome, now: number): void {
    const { error } = outcome
    task.failures++
    const facts = task.lane?.facts
    const isCancelled = outcome.outcome === 'cancelled'
    if (!isCancelled && mayRepeatFailure(task, facts, error, this.#options.maxAttempts)) {
      const at = now + backoffMs(task.failures, error, this.#options.random, facts?.backoff)
      if (at < task.submission.deadlineAt && mayRepeatNow(task)) {
        noteAttempt(task, worker, attemptOutcome(error?.code), now)
        return this.#lifecycle.backOff(task, at)
      }
    }
    const cause = error ?? {
      code: isCancelled ? 'CANCELLED' : 'INTERNAL',
      message: 'The worker gave no reason.',
    }
    const ended = provenance(task, now, outcome.runMs, worker)
    this.#lifecycle.settle(task, { kind: 'failed', error: toTaskError(cause), ...ended }, now, true)
  }

  #afterLoss(task: Task, now: number, worker: Place | undefined, isReported: boolean): void {
    const spent = task.spent ?? task.submission.meter?.exhausted(now)
    if (spent) {
      const ended = provenance(task, now, 0, worker)
      return this.#lifecycle.settle(task, { kind: 'failed', error: spent, ...ended }, now, isReported)
    }
    if (task.hasStarted && task.endsUntilAt === undefined) task.losses++
    const mayRepeat = mayRepeatLoss(task, task.lane?.facts, this.#options.maxAttempts)
    if (mayRepeat && !isPoison(task)) {
      noteAttempt(task, worker, 'lost', now)
      return this.#lifecycle.placeAgain(task, now)
    }
    const ended = provenance(task, now, 0, worker)
    const error = isPoison(task) ? poisonedError(task, worker) : lostError(task, worker)
    this.#lifecycle.settle(task, { kind: 'failed', error, ...ended }, now, isReported)
  }
}

/** Why it has used more than it may; by its worker's clock, where only that has noticed. */
function spentOf(task: Task, { error }: Outcome, now: number): TaskError | undefined {
  const spent = task.spent ?? task.submission.meter?.exhausted(now)
  if (spent || error?.code !== 'BUDGET_EXHAUSTED') return spent
  return task.submission.meter?.noteOvertime() ?? toTaskError(error)
}

function noteLate(task: Task, worker: Worker): void {
  worker.late ??= new Map()
  worker.late.set(task.attemptId, { run: task.submission.run, fence: task.fence })
}

/** The attempt is over and the task is not. One that nobody knows to have begun has no start. */
function noteAttempt(task: Task, worker: Place | undefined, outcome: AttemptOutcome, now: number): void {
  if (task.attempts === (task.history.at(-1)?.n ?? 0)) return
  const startedAt = task.hasStarted ? task.startedAt : undefined
  const ended = { n: task.attempts, worker: worker?.id, startedAt, finishedAt: now, outcome }
  task.history = [...task.history, ended].slice(-MAX_HISTORY)
}
