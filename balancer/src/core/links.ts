/**
 * What the ends of links tell of workers and their attempts: silence, an ended link, the next hello, a process
 * that is gone. Owned by the scheduler; when doubt is over without a word, trouble.ts says.
 * Invariant: after a hello every attempt that counts is listed there, or is not at that worker any more.
 */
import type { DispatchPort } from '../ports/dispatch.ts'
import type { LedgerPort } from '../ports/ledger.ts'
import type { Adopted, StartedThere } from '../ports/workforce.ts'
import type { AttemptEnds } from './attempt-ends.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Placement } from './placement.ts'
import type { Restored } from './restored.ts'
import type { Trouble } from './trouble.ts'
import type { Worker } from './worker.ts'

export interface LinksOptions {
  readonly workers: ReadonlyMap<string, Worker>
  readonly lifecycle: Lifecycle
  readonly placement: Placement
  readonly ends: AttemptEnds
  readonly trouble: Trouble
  readonly restored: Restored
  readonly dispatch: DispatchPort
  readonly ledger: LedgerPort
  /** It is in service again, as far as its link goes. */
  readonly onBack: (worker: Worker, now: number) => void
}

export class Links {
  readonly #options: LinksOptions
  readonly #workers: ReadonlyMap<string, Worker>

  constructor(options: LinksOptions) {
    this.#options = options
    this.#workers = options.workers
  }

  /** No sign of life, the link still stands (`silent`) or is gone (`unlinked`). Nothing is lost yet. */
  troubled(id: string, kind: 'silent' | 'unlinked', lastSeenAt: number, now: number): void {
    const worker = this.#workers.get(id)
    if (!worker) return
    this.#options.trouble.begin(worker, kind, lastSeenAt, now)
    if (kind === 'silent') return
    this.#options.placement.health.failed(worker, now, 'link')
    for (const task of worker.attempts.values()) {
      if (task.phase === 'orphan') continue
      // The worker tells its handler so as well: nobody knows which answers arrived.
      this.#options.lifecycle.endCalls(task, now)
      if (task.hasLeft) this.#options.ends.cutStream(task, now)
      else task.phase = 'doubt'
    }
  }

  /** The silent worker speaks again on the same link. */
  recovered(id: string, now: number): void {
    const worker = this.#workers.get(id)
    if (worker?.trouble?.kind === 'silent') this.#back(worker, now)
  }

  /**
   * A new link of the same process, or the first one since this balancer began: `started` lists what it runs.
   * Returns those that go on; what it does not list and had not started goes elsewhere, what had started and is not
   * listed is lost. Durable ones that count no more are taken over too, late: somebody has to let them go.
   */
  relinked(id: string, started: readonly StartedThere[], now: number, boot?: string): Adopted[] {
    const worker = this.#workers.get(id)
    if (!worker) return []
    worker.late = undefined
    this.#options.restored.greet(worker, started, boot, now)
    const open = new Map(started.map((listed) => [attemptKey(listed), listed]))
    const adopted: Adopted[] = []
    for (const task of [...worker.attempts.values()]) {
      const { run } = task.submission
      const { fence } = task
      if (task.phase !== 'orphan' && open.delete(attemptKey({ run, fence }))) {
        if (!task.hasStarted) this.#options.lifecycle.begin(task, now)
        task.phase = 'running'
        adopted.push({ run, fence, task: task.attemptId })
      } else this.#options.ends.endSilently(task, task.hasStarted ? 'lost' : 'never-started', now)
    }
    worker.late = undefined
    for (const listed of open.values()) if (listed.durable) adopted.push(this.#takeLate(worker, listed))
    this.#back(worker, now)
    return adopted
  }

  /** Another attempt counts, or the run has ended: its worker keeps the outcome until somebody says so. */
  #takeLate(worker: Worker, { run, fence }: StartedThere): Adopted {
    const task = this.#options.placement.newAttemptId()
    if (!this.#options.lifecycle.settlements.readdress(run, fence, worker.id, task)) {
      worker.late ??= new Map()
      worker.late.set(task, { run, fence })
    }
    return { run, fence, task, isLate: true }
  }

  /** A late one has ended there: it may be forgotten. */
  onLate(worker: Worker, attemptId: number): void {
    const late = worker.late?.get(attemptId)
    if (!late) return
    worker.late?.delete(attemptId)
    this.#options.dispatch.acknowledge(worker.id, attemptId, late.fence)
    this.#options.ledger.late(late.run, worker.id, late.fence)
  }

  /**
   * The process is known to be gone: what had no STARTED did not start, the rest is lost. It gets
   * nothing more until `relinked` tells of its next one.
   */
  workerGone(id: string, now: number): void {
    this.#options.restored.gone(id, now)
    const worker = this.#workers.get(id)
    if (!worker) return
    worker.late = undefined
    this.#options.trouble.begin(worker, 'unlinked', now, now)
    this.#options.trouble.abandon(worker, true, now)
  }

  #back(worker: Worker, now: number): void {
    this.#options.trouble.end(worker)
    this.#options.onBack(worker, now)
  }
}

function attemptKey({ run, fence }: Pick<StartedThere, 'run' | 'fence'>): string {
  return `${run} ${fence}`
}
