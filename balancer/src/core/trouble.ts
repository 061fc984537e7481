/**
 * Workers that are silent, unlinked, or left alone for a moment after BUSY. Decides when what was
 * sent to them is given up, and how: each attempt ends once, by the rule that fits what is known.
 *
 *   serving --silence--> silent --frame--> serving       ahead tasks are recalled; by age, those go elsewhere
 *                                                        whose second run does no harm
 *   serving --link ends--> unlinked --hello, same boot--> serving     no word in 2 heartbeats: it may have run
 *   unlinked --refused port, other boot--> gone          not started: elsewhere; started: lost
 *   silent or unlinked --WORKER_LEASE--> gone            not started: it may have run
 *
 * Beside these, a worker may be emptied on purpose: what it runs is told to end, and lost if it does not.
 */
import type { Placement } from './placement.ts'
import type { Task } from './task.ts'
import type { Worker } from './worker.ts'

export type AttemptEnd = 'never-started' | 'may-have-started' | 'lost'

export interface TroubleOptions {
  readonly placement: Placement
  /** Heartbeat interval and timeout together. */
  readonly heartbeatMs: number
  readonly leaseMs: number
  /** Nobody knows whether it runs where it is, and it may go elsewhere all the same. */
  readonly mayRunTwice: (task: Task) => boolean
  /** Tells the worker to end an attempt. */
  readonly cancel: (worker: Worker, task: Task) => void
  /** Ends an attempt without a word from its worker. */
  readonly endAttempt: (task: Task, how: AttemptEnd, now: number) => void
}

/** A balancer gives a task sent ahead away this long after the worker has stopped starting it. */
const RECLAIM_MARGIN_MS = 1_000

export class Trouble {
  readonly #options: TroubleOptions
  readonly #troubled = new Set<Worker>()
  readonly #blocked = new Set<Worker>()
  /** Have attempts that were told to end. */
  readonly #ending = new Set<Worker>()
  /** Not later than the next instant at which `tick` has something to do. */
  #wakeAt = Number.POSITIVE_INFINITY

  constructor(options: TroubleOptions) {
    this.#options = options
  }

  begin(worker: Worker, kind: 'silent' | 'unlinked', lastSeenAt: number, now: number): void {
    if (worker.trouble?.kind === kind) return
    worker.trouble = { kind, sinceAt: worker.trouble?.sinceAt ?? lastSeenAt }
    this.#troubled.add(worker)
    this.#options.placement.refresh(worker, now)
    for (const task of worker.attempts.values()) this.#options.placement.ahead.disregard(task)
    if (kind === 'silent') this.takeBackAhead(worker)
    this.#wakeAt = Math.min(this.#wakeAt, this.#dueAt(worker))
  }

  end(worker: Worker): void {
    worker.trouble = undefined
    this.#troubled.delete(worker)
  }

  /** Asks for everything back that waits there and has not started. */
  takeBackAhead(worker: Worker): void {
    for (const task of worker.attempts.values()) this.#options.placement.ahead.recall(task)
  }

  /** Everything there gets its signal, again if it had it; what then runs for `graceMs` is lost. */
  empty(worker: Worker, graceMs: number, now: number): void {
    for (const task of worker.attempts.values()) {
      task.endsUntilAt ??= now + graceMs
      this.#options.cancel(worker, task)
      this.#wakeAt = Math.min(this.#wakeAt, task.endsUntilAt)
    }
    if (worker.attempts.size > 0) this.#ending.add(worker)
  }

  /** Nothing more will come from this worker; `isGone` when its process is known to have ended. */
  abandon(worker: Worker, isGone: boolean, now: number): void {
    this.#troubled.delete(worker)
    this.#blocked.delete(worker)
    this.#ending.delete(worker)
    worker.blockedUntilAt = 0
    this.#options.placement.refresh(worker, now)
    const unstarted = isGone ? 'never-started' : 'may-have-started'
    for (const task of [...worker.attempts.values()])
      this.#options.endAttempt(task, task.hasStarted ? 'lost' : unstarted, now)
  }

  block(worker: Worker, now: number): void {
    this.#options.placement.block(worker, now)
    this.#blocked.add(worker)
    this.#wakeAt = Math.min(this.#wakeAt, worker.blockedUntilAt)
  }

  get nextAt(): number {
    return this.#wakeAt
  }

  tick(now: number): void {
    if (now < this.#wakeAt) return
    for (const worker of [...this.#troubled]) this.#judge(worker, now)
    for (const worker of [...this.#ending]) this.#endOverdue(worker, now)
    for (const worker of [...this.#blocked]) if (worker.blockedUntilAt <= now) this.#unblock(worker, now)
    this.#wakeAt = this.#findNext()
  }

  #findNext(): number {
    let at = Number.POSITIVE_INFINITY
    for (const worker of this.#troubled) at = Math.min(at, this.#dueAt(worker))
    for (const worker of this.#blocked) at = Math.min(at, worker.blockedUntilAt)
    for (const worker of this.#ending) at = Math.min(at, endsUntilAt(worker))
    return at
  }

  #endOverdue(worker: Worker, now: number): void {
    for (const task of [...worker.attempts.values()])
      if (task.endsUntilAt !== undefined && task.endsUntilAt <= now)
        this.#options.endAttempt(task, task.hasStarted ? 'lost' : 'may-have-started', now)
    if (endsUntilAt(worker) === Number.POSITIVE_INFINITY) this.#ending.delete(worker)
  }

  #judge(worker: Worker, now: number): void {
    const { trouble } = worker
    if (!trouble) return
    for (const task of [...worker.attempts.values()])
      if (now >= this.#givenUpAt(worker, task)) this.#options.endAttempt(task, 'may-have-started', now)
    if (now >= trouble.sinceAt + this.#options.leaseMs) this.abandon(worker, false, now)
  }

  #dueAt(worker: Worker): number {
    let at = (worker.trouble?.sinceAt ?? Number.POSITIVE_INFINITY) + this.#options.leaseMs
    for (const task of worker.attempts.values()) at = Math.min(at, this.#givenUpAt(worker, task))
    return at
  }

  /**
   * When an attempt without STARTED is given up before the lease ends. The link is gone: whatever the
   * worker has started since, it could not say so, ahead or not. The link stands and the task was
   * sent ahead: the worker does not start it any more, but where the network swallows its words it may
   * have done so before.
   */
  #givenUpAt(worker: Worker, task: Task): number {
    const { trouble } = worker
    if (!trouble || task.hasStarted) return Number.POSITIVE_INFINITY
    const patienceMs = 2 * this.#options.heartbeatMs
    if (trouble.kind === 'unlinked') return trouble.sinceAt + patienceMs
    if (!task.isAhead || !this.#options.mayRunTwice(task)) return Number.POSITIVE_INFINITY
    return Math.max(task.sentAt, trouble.sinceAt) + patienceMs + RECLAIM_MARGIN_MS
  }

  #unblock(worker: Worker, now: number): void {
    this.#blocked.delete(worker)
    worker.blockedUntilAt = 0
    this.#options.placement.refresh(worker, now)
    this.#options.placement.serveWorker(worker, now)
  }
}

/** The next instant at which something that was told to end is lost. */
function endsUntilAt(worker: Worker): number {
  let at = Number.POSITIVE_INFINITY
  for (const task of worker.attempts.values()) at = Math.min(at, task.endsUntilAt ?? at)
  return at
}
