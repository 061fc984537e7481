/**
 * The workers of the fleet as the core has them, and what becomes of one when something new is told of it. Owned by
 * the scheduler; links.ts, attempts.ts and look.ts look workers up here.
 * Invariant: whoever changes what a worker can take refreshes it in the same step, so that nobody waits beside a
 * free slot.
 */
import type { WorkerFacts } from '../ports/workforce.ts'
import type { Intake } from './intake.ts'
import type { Placement } from './placement.ts'
import type { Task } from './task.ts'
import type { Trouble } from './trouble.ts'
import { Worker } from './worker.ts'

export interface WorkforceOptions {
  readonly placement: Placement
  readonly intake: Pick<Intake, 'readmitLobby'>
  readonly trouble: Trouble
}

export class Workforce {
  readonly #options: WorkforceOptions
  readonly #workers: Map<string, Worker>

  /** `workers` is kept here and read by others. */
  constructor(workers: Map<string, Worker>, options: WorkforceOptions) {
    this.#workers = workers
    this.#options = options
  }

  /** A worker of the list, new or changed. */
  set(facts: WorkerFacts, now: number): void {
    const { placement, trouble } = this.#options
    const worker = this.#workers.get(facts.id) ?? new Worker(facts)
    this.#workers.set(facts.id, worker)
    if (facts.isInService && !worker.facts.isInService) worker.blockedUntilAt = 0
    if (!servesTheSame(facts, worker.facts)) {
      worker.forgetService()
      worker.bars.clear()
    }
    if (facts.group !== worker.facts.group) placement.health.forget(worker)
    worker.facts = facts
    placement.directory.sort(worker)
    if (!facts.isInService) trouble.takeBackAhead(worker)
    this.refresh(worker, now)
  }

  pushed(id: string, limit: number, foreign: number, now: number): void {
    const worker = this.#workers.get(id)
    if (!worker || (worker.limit === limit && worker.foreign === foreign)) return
    worker.limit = limit
    worker.foreign = foreign
    this.refresh(worker, now)
  }

  remove(id: string, now: number): void {
    const { placement, trouble } = this.#options
    const worker = this.#workers.get(id)
    if (!worker) return
    this.#workers.delete(id)
    placement.directory.remove(worker)
    trouble.abandon(worker, true, now)
    placement.health.forget(worker)
  }

  /** Something of a worker changed: whoever waits may have a place there now. */
  refresh(worker: Worker, now: number): void {
    const { placement, intake } = this.#options
    placement.refresh(worker, now)
    if (worker.isServing) intake.readmitLobby(now)
    placement.serveWorker(worker, now)
  }

  /** Of all workers. */
  *attempts(): Iterable<Task> {
    for (const { attempts } of this.#workers.values()) yield* attempts.values()
  }
}

function servesTheSame(a: WorkerFacts, b: WorkerFacts): boolean {
  return a.group === b.group && a.contract === b.contract && a.interfaceHash === b.interfaceHash
}
