/**
 * The life of a task inside the core, from admission to its one settlement (task.ts has the picture).
 * Owned by the scheduler, which maps what workers and links report to these steps. Holds every task
 * that has not ended, the instants at which they are looked at again, and the window on the disk.
 */
import type { CancelReason, OutcomeError, TaskError } from '@berth/protocol'
import type { DispatchPort } from '../ports/dispatch.ts'
import type { LedgerPort } from '../ports/ledger.ts'
import type { Admission, Outcome, Settlement, Submission } from '../ports/scheduling.ts'
import type { Traffic } from '../ports/traffic.ts'
import { capacityRefusal, type QueueLimits, queueRefusal, unknownFunction } from './admission.ts'
import { functionOf } from './directory.ts'
import { IndexedHeap } from './indexed-heap.ts'
import type { Lane } from './lane.ts'
import type { Placement } from './placement.ts'
import { backoffMs, mayRepeatFailure, mayRepeatLoss } from './retry.ts'
import { drainingError, lostError, overdueError, provenance, statusOf, toTaskError } from './settlement.ts'
import { isMoreUrgent, Task } from './task.ts'
import type { AttemptEnd } from './trouble.ts'
import type { Worker } from './worker.ts'

export interface LifecycleOptions {
  readonly placement: Placement
  readonly dispatch: DispatchPort
  readonly ledger: LedgerPort
  readonly random: () => number
  readonly limits: QueueLimits
  /** `TASK_ATTEMPTS`. */
  readonly maxAttempts: number
  /** A worker refused itself though it looked fit: leave it alone for a moment. */
  readonly block: (worker: Worker, now: number) => void
}

interface Unpersisted {
  readonly task: Task
  readonly settlement: Settlement
}

const ACCEPTED: Admission = { ok: true }
/** Codes by which a worker refuses itself, not the task: somebody else may take it. */
const ELSEWHERE = new Set(['MAINTENANCE', 'DRAINING', 'UNKNOWN_FUNCTION', 'CONTRACT_MISMATCH'])
/** Durable runs of one lane that wait in memory; the rest stays on disk until there is room. */
const WINDOW = 1_000

export class Lifecycle {
  readonly #options: LifecycleOptions
  readonly #placement: Placement
  readonly #tasks = new Map<string, Task>()
  /** Tasks that came before the fleet had answered once. */
  readonly #lobby = new Set<Task>()
  /** Durable tasks whose end is not on disk yet. */
  readonly #unpersisted = new Map<string, Unpersisted>()
  readonly #due = new IndexedHeap<Task>({
    isBefore: (a, b) => a.dueAt < b.dueAt,
    getIndex: (task) => task.timerIndex,
    setIndex: (task, index) => {
      task.timerIndex = index
    },
  })
  #isFleetSettled = false
  #isDraining = false
  #seq = 0
  #submitted = 0
  #completed = 0
  #failed = 0
  #cancelled = 0

  constructor(options: LifecycleOptions) {
    this.#options = options
    this.#placement = options.placement
  }

  /** Takes a task or says why not. The end comes by `submission.onSettled`, never before this returns. */
  submit(submission: Submission, now: number): Admission {
    const task = new Task(submission, now, this.#seq++)
    const refusal = this.#isDraining ? drainingError() : this.#admit(task)
    if (refusal) return { ok: false, error: refusal }
    this.#submitted++
    this.#tasks.set(submission.run, task)
    this.#wakeAt(task, Math.min(submission.deadlineAt, submission.queueUntilAt))
    if (task.phase === 'lobby') this.#lobby.add(task)
    else this.placeOrWait(task, now)
    return ACCEPTED
  }

  /** Ends a task that nobody wants any more. False when it is unknown or has ended. */
  cancel(run: string, reason: CancelReason, now: number): boolean {
    const task = this.#tasks.get(run)
    if (!task || task.isSettled) return false
    const detail = reason === 'caller' ? 'The caller went away.' : 'Someone cancelled the task.'
    this.#giveUp(task, { code: 'CANCELLED', detail }, reason, now)
    return true
  }

  /** Every listed worker has answered or failed once: from now on nobody waits for the unknown. */
  settleFleet(now: number): void {
    this.#isFleetSettled = true
    this.readmitLobby(now)
  }

  /** The store's answer to `claim`: runs of one lane, in order; `hasMore` when the lane has others. */
  claimed(key: string, submissions: readonly Submission[], hasMore: boolean, now: number): void {
    const lane = this.#placement.directory.lanes.get(key)
    if (lane) {
      lane.isClaiming = false
      lane.hasMoreOnDisk = hasMore
    }
    for (const submission of submissions) if (!this.#tasks.has(submission.run)) this.submit(submission, now)
  }

  /** The ends of these runs are on disk: their callers hear of it, their workers may forget. */
  persisted(runs: readonly string[]): void {
    for (const run of runs) {
      const ended = this.#unpersisted.get(run)
      if (!ended) continue
      this.#unpersisted.delete(run)
      const { task, settlement } = ended
      const { worker } = settlement
      if (worker !== undefined) this.#options.dispatch.acknowledge(worker, task.attemptId, task.fence)
      task.submission.onSettled(settlement)
    }
  }

  get nextAt(): number {
    return this.#due.first?.dueAt ?? Number.POSITIVE_INFINITY
  }

  tick(now: number): void {
    for (let task = this.#due.first; task && task.dueAt <= now; task = this.#due.first) this.#wake(task, now)
  }

  /** Takes nothing new; what is here goes on. */
  drain(): void {
    this.#isDraining = true
  }

  /** Answers every caller who still waits; running attempts are left to their workers. */
  abandonCallers(now: number): void {
    for (const task of [...this.#tasks.values()])
      if (!task.isSettled && !task.submission.isDurable) this.#giveUp(task, drainingError(), 'drain', now)
  }

  traffic(): Traffic {
    return {
      submitted: this.#submitted,
      completed: this.#completed,
      failed: this.#failed,
      cancelled: this.#cancelled,
      waiting: this.#placement.waiting + this.#lobby.size,
      running: this.#placement.running,
    }
  }

  // --- Admission -------------------------------------------------------------------------------

  /** Finds the task's lane. A refusal, or undefined when it is taken (or waits in the lobby). */
  #admit(task: Task): TaskError | undefined {
    const { submission } = task
    const lane = this.#laneOf(submission)
    if (lane) task.cost = functionOf(lane)?.slots ?? 1
    const refusal = lane ? capacityRefusal(lane, this.#placement) : unknownFunction(submission)
    if (refusal && !this.#isFleetSettled && refusal.code !== 'SLOT_COST_TOO_BIG') return this.#lobbyRefusal()
    if (!lane) return refusal
    if (refusal && !(submission.isDurable && refusal.code === 'NO_CAPACITY'))
      return this.#dropLane(lane, refusal)
    task.lane = lane
    task.phase = 'waiting'
    if (submission.isDurable) return undefined
    return queueRefusal(lane, task.bytes, this.#placement, this.#options.limits)
  }

  #laneOf(submission: Submission): Lane | undefined {
    const { group, function: name, selector } = submission
    const contract = submission.contract ?? this.#placement.directory.defaultContract(group, name)
    if (contract === undefined) return undefined
    return this.#placement.directory.find({ group, contract, function: name, selector })
  }

  #dropLane(lane: Lane, refusal: TaskError): TaskError {
    this.#placement.directory.retire(lane)
    return refusal
  }

  #lobbyRefusal(): TaskError | undefined {
    if (this.#lobby.size < this.#options.limits.tasksPerLane) return undefined
    return {
      code: 'QUEUE_FULL',
      detail: 'The balancer is starting and its waiting room is full.',
      retryAfterMs: 1000,
    }
  }

  /** The fleet changed: some of those in the lobby may have their lane now, or a clear refusal. */
  readmitLobby(now: number): void {
    for (const task of [...this.#lobby]) {
      this.#lobby.delete(task)
      const refusal = this.#admit(task)
      if (refusal) this.#settle(task, { kind: 'failed', error: refusal, ...provenance(task, now, 0) })
      else if (task.phase === 'lobby') this.#lobby.add(task)
      else this.placeOrWait(task, now)
    }
  }

  // --- Placing and ending ----------------------------------------------------------------------

  placeOrWait(task: Task, now: number): void {
    const { submission } = task
    if (this.#placement.offer(task, now)) return this.#wakeAt(task, submission.deadlineAt)
    if (submission.isDurable && !this.#fitsWindow(task)) return this.#leaveOnDisk(task)
    this.#placement.enqueue(task)
    this.#wakeAt(task, Math.min(submission.deadlineAt, submission.queueUntilAt))
  }

  /** The slot is taken: the attempt counts, and nobody else may have the task. */
  begin(task: Task, now: number): void {
    this.#placement.leaveAhead(task)
    task.hasStarted = true
    task.startedAt = now
    if (task.phase === 'orphan') return
    task.attempts++
    task.phase = 'running'
    this.#wakeAt(task, task.submission.deadlineAt)
  }

  /** What an END means for the task. */
  conclude(task: Task, worker: Worker, outcome: Outcome, now: number): void {
    const { error } = outcome
    if (outcome.outcome === 'completed') {
      const { result, mediaType } = outcome
      this.#settle(task, {
        kind: 'completed',
        result,
        mediaType,
        ...provenance(task, now, outcome.runMs, worker),
      })
    } else if (outcome.outcome === 'lost') this.#afterLoss(task, now, worker)
    else if (outcome.outcome === 'refused') this.#afterRefusal(task, worker, error, now)
    else this.#afterFailure(task, worker, outcome, now)
  }

  #afterRefusal(task: Task, worker: Worker, error: OutcomeError | undefined, now: number): void {
    if (error && !ELSEWHERE.has(error.code))
      return this.#settle(task, {
        kind: 'failed',
        error: toTaskError(error),
        ...provenance(task, now, 0, worker),
      })
    this.#options.block(worker, now)
    this.placeOrWait(task, now)
  }

  #afterFailure(task: Task, worker: Worker, outcome: Outcome, now: number): void {
    const { error } = outcome
    task.failures++
    const facts = task.lane && functionOf(task.lane)
    const isCancelled = outcome.outcome === 'cancelled'
    if (!isCancelled && mayRepeatFailure(task, facts, error, this.#options.maxAttempts)) {
      const at = now + backoffMs(task.failures, error, this.#options.random)
      if (at < task.submission.deadlineAt) {
        task.phase = 'backoff'
        return this.#wakeAt(task, at)
      }
    }
    const cause = error ?? {
      code: isCancelled ? 'CANCELLED' : 'INTERNAL',
      message: 'The worker gave no reason.',
    }
    const ended = provenance(task, now, outcome.runMs, worker)
    this.#settle(task, { kind: 'failed', error: toTaskError(cause), ...ended })
  }

  #afterLoss(task: Task, now: number, worker: Worker | undefined): void {
    const facts = task.lane && functionOf(task.lane)
    if (mayRepeatLoss(task, facts, this.#options.maxAttempts)) return this.placeOrWait(task, now)
    const ended = provenance(task, now, 0, worker)
    this.#settle(task, { kind: 'failed', error: lostError(task, worker), ...ended })
  }

  /** An attempt ended without a word from its worker. */
  endAttempt(task: Task, how: AttemptEnd, now: number): void {
    const { worker } = task
    this.#placement.release(task)
    if (task.phase === 'orphan') return this.forget(task)
    if (how === 'never-started') return this.placeOrWait(task, now)
    if (how === 'may-have-started') task.attempts++
    this.#afterLoss(task, now, worker)
  }

  /** Ends a task from outside: its caller left, its time is up, someone cancelled it. */
  #giveUp(task: Task, error: TaskError, reason: CancelReason, now: number): void {
    const { worker } = task
    const isAtWorker = worker?.attempts.has(task.attemptId) ?? false
    if (task.phase === 'waiting') this.#placement.dequeue(task)
    this.#lobby.delete(task)
    if (worker && isAtWorker) this.#options.dispatch.cancel(worker.id, task.attemptId, reason)
    const runMs = task.hasStarted ? now - task.startedAt : 0
    const ended = provenance(task, now, runMs, worker)
    this.#settle(task, { kind: 'failed', error, ...ended })
    if (isAtWorker) task.phase = 'orphan'
  }

  #settle(task: Task, settlement: Settlement): void {
    task.phase = 'settled'
    this.#due.remove(task)
    this.#count(settlement)
    this.forget(task)
    const { submission } = task
    if (!submission.isDurable) return submission.onSettled(settlement)
    this.#unpersisted.set(submission.run, { task, settlement })
    this.#options.ledger.finish({ run: submission.run, fence: task.fence, status: statusOf(settlement) })
  }

  forget(task: Task): void {
    if (this.#tasks.get(task.submission.run) === task) this.#tasks.delete(task.submission.run)
    if (task.lane && task.lane.needs.selector.key !== '') this.#placement.directory.retire(task.lane)
    if (task.lane) this.#refill(task.lane)
  }

  #count(settlement: Settlement): void {
    if (settlement.kind === 'completed') this.#completed++
    else if (settlement.error.code === 'CANCELLED') this.#cancelled++
    else this.#failed++
  }

  // --- The window on the disk ------------------------------------------------------------------

  /** Makes room by pushing back a less urgent run; false when the task itself is the least urgent. */
  #fitsWindow(task: Task): boolean {
    const lane = task.lane as Lane
    if (lane.waiting < WINDOW) return true
    const last = lane.leastUrgentDurable()
    if (!last || !isMoreUrgent(task, last)) return false
    this.#placement.dequeue(last)
    this.#leaveOnDisk(last)
    return true
  }

  #leaveOnDisk(task: Task): void {
    if (task.lane) task.lane.hasMoreOnDisk = true
    this.#due.remove(task)
    this.#tasks.delete(task.submission.run)
  }

  /** Asks the ledger for more of a lane once half its window is free. */
  #refill(lane: Lane): void {
    if (!lane.hasMoreOnDisk || lane.isClaiming || lane.waiting > WINDOW / 2) return
    lane.isClaiming = true
    this.#options.ledger.claim(lane.key, WINDOW - lane.waiting)
  }

  // --- Instants --------------------------------------------------------------------------------

  #wakeAt(task: Task, at: number): void {
    task.dueAt = at
    if (this.#due.has(task)) this.#due.update(task)
    else if (at < Number.POSITIVE_INFINITY) this.#due.add(task)
  }

  #wake(task: Task, now: number): void {
    this.#due.remove(task)
    if (task.phase === 'backoff' && now < task.submission.deadlineAt) this.placeOrWait(task, now)
    else this.#giveUp(task, overdueError(task, now), 'deadline', now)
  }
}
