/**
 * Runs that were at a worker when an earlier balancer ended. They are in doubt until the process that had them
 * speaks, is known to be gone, or has kept silent for a lease; called by the scheduler.
 *
 *   in doubt --listed in a hello, the same fence or a newer--> goes on there, its END is told again
 *   in doubt --same boot, not listed--> never started, unless it had: then it is lost
 *   in doubt --other boot, refused port, WORKER_LEASE--> lost, or it may have run
 *
 * Its row may be older than its last attempt, which may be at another worker: before all have answered none is ended.
 * That no STARTED is on disk says nothing here: it may have come in the last moment of that balancer.
 */
import type { AttemptInDoubt } from '../ports/durable-tasks.ts'
import type { StartedThere } from '../ports/workforce.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Task } from './task.ts'
import type { AttemptEnd } from './trouble.ts'
import type { Worker } from './worker.ts'

export interface RestoredOptions {
  readonly lifecycle: Lifecycle
  readonly leaseMs: number
  readonly endAttempt: (task: Task, how: AttemptEnd, now: number, where: { readonly id: string }) => void
}

export class Restored {
  readonly #options: RestoredOptions
  readonly #doubts = new Map<Task, AttemptInDoubt>()
  /** How those end that are not taken up by the time all have answered. */
  readonly #verdicts = new Map<Task, AttemptEnd>()
  #isSettled = false
  #untilAt = Number.POSITIVE_INFINITY

  constructor(options: RestoredOptions) {
    this.#options = options
  }

  get nextAt(): number {
    return this.#untilAt
  }

  add(task: Task, attempt: AttemptInDoubt, now: number): void {
    task.fence = attempt.fence
    this.#doubts.set(task, attempt)
    if (this.#untilAt === Number.POSITIVE_INFINITY) this.#untilAt = now + this.#options.leaseMs
  }

  /** A worker has said hello: what it lists goes on there, and what its process had and does not list has ended. */
  greet(worker: Worker, started: readonly StartedThere[], boot: string | undefined, now: number): void {
    for (const listed of started) if (listed.durable) this.#takeUp(worker, listed, now)
    for (const [task, attempt] of [...this.#doubts]) {
      const isSameBoot = attempt.boot !== undefined && attempt.boot === boot
      if (isSameBoot) this.#judge(task, task.hasStarted ? 'lost' : 'never-started', now)
      else if (attempt.worker === worker.id) this.#lose(task, now)
    }
  }

  /** Every worker of the list has answered or failed once. */
  settle(now: number): void {
    this.#isSettled = true
    for (const [task, how] of [...this.#verdicts]) this.#end(task, how, now)
  }

  /** The process behind this worker is known to be gone. */
  gone(id: string, now: number): void {
    for (const [task, { worker }] of [...this.#doubts]) if (worker === id) this.#lose(task, now)
  }

  tick(now: number): void {
    if (now < this.#untilAt) return
    for (const task of [...this.#doubts.keys()]) this.#lose(task, now)
    this.#untilAt = Number.POSITIVE_INFINITY
  }

  /** Its row may be older than its last attempt: then it waits here and runs there. */
  #takeUp(worker: Worker, { run, fence }: StartedThere, now: number): void {
    const { lifecycle } = this.#options
    const task = lifecycle.tasks.get(run)
    if (!task) return
    const isInDoubt = this.#doubts.has(task) && task.phase === 'doubt'
    if (isInDoubt ? fence < task.fence : !task.isLeftToDisk || fence <= task.fence) return
    this.#forget(task)
    // What is listed has begun; whether the attempt that is known to have begun is this one, its fence tells.
    if (fence !== task.fence) task.hasStarted = false
    lifecycle.adopt(task, worker, fence, now)
  }

  #lose(task: Task, now: number): void {
    this.#judge(task, task.hasStarted ? 'lost' : 'may-have-started', now)
  }

  #judge(task: Task, how: AttemptEnd, now: number): void {
    if (this.#isSettled) this.#end(task, how, now)
    else this.#verdicts.set(task, how)
  }

  #end(task: Task, how: AttemptEnd, now: number): void {
    const attempt = this.#doubts.get(task)
    this.#forget(task)
    // Cancelled, or its deadline has passed.
    if (!attempt || task.phase !== 'doubt') return
    this.#options.endAttempt(task, how, now, { id: attempt.worker })
  }

  #forget(task: Task): void {
    this.#doubts.delete(task)
    this.#verdicts.delete(task)
    if (this.#doubts.size === 0) this.#untilAt = Number.POSITIVE_INFINITY
  }
}
