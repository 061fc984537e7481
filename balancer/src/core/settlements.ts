/**
 * Tells how tasks have ended: a caller in memory at once, a durable run's once the store has it on disk.
 * Called by lifecycle.ts, which settles each task once; `persisted` comes from the store.
 * Invariant: a worker that keeps a durable outcome hears that it may forget only when it is on disk.
 */
import { TurnoverMap } from '@berth/protocol'
import type { DispatchPort } from '../ports/dispatch.ts'
import type { LedgerPort } from '../ports/ledger.ts'
import type { RecordPort } from '../ports/record.ts'
import type { Settlement } from '../ports/submission.ts'
import { statusOf } from './settlement.ts'
import { Tallies } from './tally.ts'
import type { Task } from './task.ts'

export interface SettlementsOptions {
  readonly dispatch: DispatchPort
  readonly ledger: LedgerPort
  /** Hears of every task that ends; nobody unless given. */
  readonly record?: RecordPort | undefined
  /** Where ends are counted by function; nowhere that anybody reads unless given. */
  readonly tallies?: Tallies | undefined
}

interface Unpersisted {
  readonly task: Task
  readonly settlement: Settlement
  /** Keeps the outcome until it hears that it is on disk. */
  keeper: string | undefined
  /** Under which the keeper knows it. */
  attemptId: number
}

export class Settlements {
  completed = 0
  failed = 0
  cancelled = 0
  readonly #options: SettlementsOptions
  readonly #tallies: Tallies
  /** Durable tasks whose end is not on disk yet. */
  readonly #unpersisted = new TurnoverMap<string, Unpersisted>()

  constructor(options: SettlementsOptions) {
    this.#options = options
    this.#tallies = options.tallies ?? new Tallies()
  }

  /** `isKeptByWorker`: the end came from the worker, which keeps it. */
  tell(task: Task, settlement: Settlement, isKeptByWorker: boolean, now: number): void {
    this.#count(settlement)
    const { submission, fence } = task
    const { run } = submission
    const status = statusOf(settlement, now >= submission.deadlineAt)
    const hasRun = task.hasStarted && (settlement.runMs > 0 || settlement.kind === 'completed')
    const tally = task.lane?.tally ?? this.#tallies.rest
    tally.ended(status, settlement, hasRun)
    this.#options.record?.ended(task, settlement, status, now)
    if (!submission.isDurable) return submission.onSettled(settlement)
    const keeper = isKeptByWorker ? settlement.worker : undefined
    this.#unpersisted.set(run, { task, settlement, keeper, attemptId: task.attemptId })
    this.#options.ledger.finish({ run, fence, status }, task, settlement, now)
  }

  /** The ends of these runs are on disk: their callers hear of it, their workers may forget. */
  persisted(runs: readonly string[]): void {
    for (const run of runs) {
      const ended = this.#unpersisted.get(run)
      if (!ended) continue
      this.#unpersisted.delete(run)
      const { task, settlement, keeper, attemptId } = ended
      if (keeper !== undefined) this.#options.dispatch.acknowledge(keeper, attemptId, task.fence)
      task.submission.onSettled(settlement)
    }
  }

  /** The run has ended and is not on disk yet. */
  has(run: string): boolean {
    return this.#unpersisted.has(run)
  }

  /** Its outcome is the run's end, and its worker keeps it until that is on disk. */
  isKeptByWorker(run: string): boolean {
    return this.#unpersisted.get(run)?.keeper !== undefined
  }

  /** On a new link its worker knows the outcome under another number; false when it is not the one that counts. */
  readdress(run: string, fence: number, worker: string, attemptId: number): boolean {
    const ended = this.#unpersisted.get(run)
    if (!ended || ended.task.fence !== fence) return false
    ended.keeper = worker
    ended.attemptId = attemptId
    return true
  }

  #count(settlement: Settlement): void {
    if (settlement.kind === 'completed') this.completed++
    else if (settlement.error.code === 'CANCELLED') this.cancelled++
    else this.failed++
  }
}
