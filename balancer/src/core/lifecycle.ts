/**
 * The life of a task inside the core, from admission to its one settlement (task.ts has the picture).
 * Owned by the scheduler, which maps what workers and links report to these steps. Holds every task
 * that has not ended, the instants at which they are looked at again, and the window on the disk.
 */
import { type CancelReason, type OutcomeError, type TaskError, TurnoverMap } from '@berth/protocol'
import type { DispatchPort } from '../ports/dispatch.ts'
import type { LedgerPort } from '../ports/ledger.ts'
import type { AttemptOutcome, RecordPort } from '../ports/record.ts'
import type { Admission, Outcome, Settlement, Submission } from '../ports/scheduling.ts'
import type { Traffic } from '../ports/traffic.ts'
import {
  capacityRefusal,
  doorRefusal,
  type QueueLimits,
  queueRefusal,
  streamRefusal,
  unknownFunction,
} from './admission.ts'
import { DiskWindow } from './disk-window.ts'
import { IndexedHeap } from './indexed-heap.ts'
import type { Lane, LaneNeeds } from './lane.ts'
import { Lobby } from './lobby.ts'
import type { Placement } from './placement.ts'
import {
  backoffMs,
  endRepeat,
  isPoison,
  mayRepeatFailure,
  mayRepeatLoss,
  mayRepeatNow,
  noteRepeat,
} from './retry.ts'
import {
  attemptOutcome,
  callerGoneError,
  drainingError,
  lostError,
  overdueError,
  pausedError,
  poisonedError,
  provenance,
  statusOf,
  toTaskError,
} from './settlement.ts'
import { Task } from './task.ts'
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
  /** Hears of every task that ends; nobody unless given. */
  readonly record?: RecordPort | undefined
}

interface Unpersisted {
  readonly task: Task
  readonly settlement: Settlement
  /** The worker keeps the outcome until it hears that it is on disk. */
  readonly isKeptByWorker: boolean
}

const ACCEPTED: Admission = { ok: true }
/** Of a task that is tried again and again, the last ones. */
const MAX_HISTORY = 100
/** Codes by which a worker refuses itself, not the task: somebody else may take it. */
const ELSEWHERE = new Set(['MAINTENANCE', 'DRAINING', 'UNKNOWN_FUNCTION', 'CONTRACT_MISMATCH'])

export class Lifecycle {
  readonly #options: LifecycleOptions
  readonly #placement: Placement
  readonly #window: DiskWindow
  readonly #tasks = new TurnoverMap<string, Task>()
  readonly #lobby = new Lobby()
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
    const { placement, ledger } = options
    this.#window = new DiskWindow({ placement, ledger, forget: (task) => this.#forget(task) })
  }

  /** Takes a task or says why not. The end comes by `submission.onSettled`, never before this returns. */
  submit(submission: Submission, now: number): Admission {
    const task = new Task(submission, now, this.#seq++)
    const refusal = this.#isDraining ? drainingError() : this.#takeInTime(task, now)
    return refusal ? { ok: false, error: refusal } : ACCEPTED
  }

  /**
   * The same of a task that a running one calls. It stands where its caller stood in the order of acceptance, or
   * everything that waits would begin before anything could end; and as a part of what was taken it is taken
   * while the balancer drains.
   */
  submitCall(submission: Submission, caller: Task, now: number): Admission {
    // Its caller may have reached its deadline at this very moment.
    this.tick(now)
    if (caller.phase !== 'running') return { ok: false, error: callerGoneError() }
    const task = new Task(submission, now, caller.seq)
    task.caller = caller
    // A turn by age is handed down as well.
    if (caller.urgency < caller.priority) task.urgency = caller.urgency
    caller.calls ??= new Set()
    caller.calls.add(task)
    // First: the called task may have the caller's own slot.
    this.#placement.lend(caller, now)
    const refusal = this.#takeInTime(task, now)
    if (refusal) this.#leaveCaller(task, now)
    if (caller.worker) this.#placement.serveWorker(caller.worker, now)
    return refusal ? { ok: false, error: refusal } : ACCEPTED
  }

  /** The call is over: with its last one the caller goes on. */
  #leaveCaller(task: Task, now: number): void {
    const { caller } = task
    task.caller = undefined
    if (!caller?.calls?.delete(task) || caller.calls.size > 0) return
    this.#placement.reclaim(caller, now)
  }

  /** The attempt that called them is over, or cannot be told: nobody waits for them. */
  endCalls(task: Task, now: number): void {
    const { calls } = task
    if (!calls || calls.size === 0) return
    for (const child of [...calls])
      this.#giveUp(child, { code: 'CANCELLED', detail: 'The task that called it has ended.' }, 'caller', now)
  }

  /** Why a body should not be read now. */
  refuseAtDoor(ownBytes: number, othersBytes: number): TaskError | undefined {
    if (this.#isDraining) return drainingError()
    return doorRefusal({ ownBytes, othersBytes, waitingBytes: this.#waitingBytes }, this.#options.limits)
  }

  get #waitingBytes(): number {
    return this.#placement.waitingBytes + this.#lobby.bytes
  }

  /** What is over before it begins is never sent. */
  #takeInTime(task: Task, now: number): TaskError | undefined {
    const { deadlineAt, isDurable } = task.submission
    if (now >= deadlineAt && !isDurable) return overdueError(task, now)
    return this.#take(task, now, true)
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
    if (lane) this.#window.refilled(lane, submissions.length, hasMore)
    for (const submission of submissions) this.#takeClaimed(submission, now)
    if (!lane) return
    this.#window.refill(lane)
    this.#placement.directory.retire(lane)
  }

  /** The ends of these runs are on disk: their callers hear of it, their workers may forget. */
  persisted(runs: readonly string[]): void {
    for (const run of runs) {
      const ended = this.#unpersisted.get(run)
      if (!ended) continue
      this.#unpersisted.delete(run)
      const { task, settlement, isKeptByWorker } = ended
      const { worker } = settlement
      if (isKeptByWorker && worker !== undefined)
        this.#options.dispatch.acknowledge(worker, task.attemptId, task.fence)
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

  /** Answers every caller who still waits; their attempts are cancelled. Durable runs stay with their workers. */
  abandonCallers(now: number): void {
    // What a task called has ended with it.
    for (const task of [...this.#tasks.values()])
      if (!task.submission.isDurable && !task.isSettled) this.#giveUp(task, drainingError(), 'drain', now)
  }

  /** Every task that has not ended, in order of acceptance as a rule. */
  get tasks(): Pick<TurnoverMap<string, Task>, 'get' | 'values'> {
    return this.#tasks
  }

  get isFleetSettled(): boolean {
    return this.#isFleetSettled
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** Changes the priority of a task that waits in any way; false when it does not. */
  reprioritise(run: string, priority: number, now: number): boolean {
    const task = this.#tasks.get(run)
    if (task?.phase === 'waiting') this.#placement.reprioritise(task, priority, now)
    else if (task?.phase === 'sent' && task.isAhead) {
      // It waits at a worker: asked back, it takes its place anew.
      this.#placement.recall(task)
      task.reprioritise(priority)
    } else if (task?.phase === 'lobby' || task?.phase === 'backoff') task.reprioritise(priority)
    else return false
    return true
  }

  /** The needs of a submission, as admission would fix them now. */
  needsOf(submission: Submission): LaneNeeds | undefined {
    const { group, function: name, selector } = submission
    const contract = submission.contract ?? this.#placement.directory.defaultContract(group, name)
    return contract === undefined ? undefined : { group, contract, function: name, selector }
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

  /** Accepts a task into lobby, line or attempt; a refusal leaves nothing behind. */
  #take(task: Task, now: number, isFresh: boolean): TaskError | undefined {
    const refusal = this.#admit(task, now)
    if (refusal) return refusal
    const { submission } = task
    this.tick(now)
    this.#tasks.set(submission.run, task)
    // One from the disk; what is new and over was refused.
    if (now >= submission.deadlineAt) this.#giveUp(task, overdueError(task, now), 'deadline', now)
    else if (task.phase === 'lobby') {
      this.#lobby.add(task)
      this.#wakeAt(task, Math.min(submission.deadlineAt, submission.queueUntilAt))
    } else if (this.#placement.offer(task, now)) this.#wakeAt(task, submission.deadlineAt)
    else {
      const full = submission.isDurable ? undefined : this.queueRefusal(task, now)
      if (full) {
        this.#forget(task)
        return full
      }
      this.#wait(task, isFresh, now)
    }
    this.#submitted++
    return undefined
  }

  /** A run that the store has handed over: what cannot be admitted ends, it is not lost. */
  #takeClaimed(submission: Submission, now: number): void {
    const { run } = submission
    if (this.#isDraining || this.#tasks.has(run) || this.#unpersisted.has(run)) return
    const task = new Task(submission, now, this.#seq++)
    const error = this.#take(task, now, false)
    if (error) this.#settle(task, { kind: 'failed', error, ...provenance(task, now, 0) }, now)
  }

  /** Binds the task to its lane, or leaves it to the lobby. A refusal says why neither. */
  #admit(task: Task, now: number): TaskError | undefined {
    const { submission } = task
    const { gates } = this.#placement
    // Who waits in the lobby has been accepted, and stays.
    const mayBePaused = gates.areAnySet && !submission.isDurable && !this.#tasks.has(submission.run)
    const pause = mayBePaused ? gates.pauseOf(task, now) : undefined
    if (pause) return pausedError(task, pause, now)
    const lane = this.#laneOf(submission)
    const refusal = lane
      ? (streamRefusal(lane, submission) ?? capacityRefusal(lane, this.#placement, now))
      : unknownFunction(submission)
    const mayWait = submission.isDurable && refusal?.code === 'NO_CAPACITY'
    if (lane && (!refusal || (this.#isFleetSettled && mayWait))) {
      task.lane = lane
      task.phase = 'waiting'
      lane.live++
      return undefined
    }
    if (lane) this.#placement.directory.retire(lane)
    return this.#isFleetSettled ? refusal : this.#lobbyRefusal(task)
  }

  #laneOf(submission: Submission): Lane | undefined {
    const needs = this.needsOf(submission)
    return needs && this.#placement.directory.find(needs)
  }

  /** Why a task with a lane may not wait, when the lines are full. */
  queueRefusal(task: Task, now: number): TaskError | undefined {
    const { limits, random } = this.#options
    return queueRefusal(task, { waitingBytes: this.#waitingBytes, limits, random, now })
  }

  #lobbyRefusal(task: Task): TaskError | undefined {
    const { tasksPerLane, bytes } = this.#options.limits
    if (task.phase === 'lobby' && this.#tasks.has(task.submission.run)) return undefined
    if (this.#lobby.size < tasksPerLane && this.#waitingBytes + task.bytes <= bytes) return undefined
    return {
      code: 'QUEUE_FULL',
      detail: 'The balancer is starting and its waiting room is full. Try again in a moment.',
      retryAfterMs: 1000,
    }
  }

  /** The fleet changed: some of those in the lobby may have their lane now, or a clear refusal. */
  readmitLobby(now: number): void {
    if (this.#lobby.size === 0) return
    for (const group of this.#lobby.groups()) for (const task of group) if (!this.#readmit(task, now)) break
  }

  /** False when the task stays in the lobby, and all with the same needs with it. */
  #readmit(task: Task, now: number): boolean {
    const refusal = this.#admit(task, now)
    if (!refusal && task.phase === 'lobby') return false
    this.#lobby.remove(task)
    if (refusal) this.#settle(task, { kind: 'failed', error: refusal, ...provenance(task, now, 0) }, now)
    else this.#place(task, now)
    return true
  }

  // --- Placing and ending ----------------------------------------------------------------------

  /** Sends the task or puts it in line; one whose time is over is never sent, and no other such one. */
  #place(task: Task, now: number): void {
    if (isOver(task, now)) return this.#giveUp(task, overdueError(task, now), 'deadline', now)
    this.tick(now)
    if (this.#placement.offer(task, now)) this.#wakeAt(task, task.submission.deadlineAt)
    else this.#wait(task, false, now)
  }

  #wait(task: Task, isFresh: boolean, now: number): void {
    const { submission } = task
    if (submission.isDurable && !this.#window.admits(task, isFresh)) return this.#window.pushBack(task)
    this.#placement.enqueue(task, now)
    this.#wakeAt(task, Math.min(submission.deadlineAt, task.queueUntilAt))
  }

  /** Another attempt, or the first one elsewhere. Time spent in an attempt is no waiting. */
  placeAgain(task: Task, now: number): void {
    if (task.hasStarted) this.#leaveAttempt(task, now)
    this.#place(task, now)
  }

  #leaveAttempt(task: Task, now: number): void {
    task.hasStarted = false
    task.waitsSinceAt = now
    task.queueUntilAt = now + task.submission.queueUntilAt - task.acceptedAt
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

  /** What an END means for the task, whose slots are free again. */
  conclude(task: Task, worker: Worker, outcome: Outcome, now: number): void {
    const { attemptId, fence, submission } = task
    // Its deadline may have been noticed together with this end.
    if (task.isSettled) task.phase = 'settled'
    else this.#judge(task, worker, outcome, now)
    if (!submission.isDurable || this.#unpersisted.get(submission.run)?.isKeptByWorker) return
    // This outcome is not the run's end, so nobody will ask the worker for it.
    this.#options.dispatch.acknowledge(worker.id, attemptId, fence)
  }

  #judge(task: Task, worker: Worker, outcome: Outcome, now: number): void {
    switch (outcome.outcome) {
      case 'completed':
        return this.#complete(task, worker, outcome, now)
      case 'lost':
        return this.#afterLoss(task, now, worker, true)
      case 'refused':
        return this.#afterRefusal(task, worker, outcome.error, now)
      case 'cancelled':
        // Nobody but an operator who empties the worker wants it to end: its caller still waits.
        if (task.endsUntilAt === undefined) return this.#afterFailure(task, worker, outcome, now)
        return task.hasStarted ? this.#afterLoss(task, now, worker, true) : this.placeAgain(task, now)
      default:
        return this.#afterFailure(task, worker, outcome, now)
    }
  }

  #complete(task: Task, worker: Worker, outcome: Outcome, now: number): void {
    const { result, mediaType, runMs } = outcome
    const ended = provenance(task, now, runMs, worker)
    this.#settle(task, { kind: 'completed', result, mediaType, ...ended }, now, true)
  }

  #afterRefusal(task: Task, worker: Worker, error: OutcomeError | undefined, now: number): void {
    if (error && !ELSEWHERE.has(error.code)) {
      const ended = provenance(task, now, 0, worker)
      return this.#settle(task, { kind: 'failed', error: toTaskError(error), ...ended }, now, true)
    }
    this.#options.block(worker, now)
    this.placeAgain(task, now)
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
        return this.#backOff(task, at)
      }
    }
    const cause = error ?? {
      code: isCancelled ? 'CANCELLED' : 'INTERNAL',
      message: 'The worker gave no reason.',
    }
    const ended = provenance(task, now, outcome.runMs, worker)
    this.#settle(task, { kind: 'failed', error: toTaskError(cause), ...ended }, now, true)
  }

  #backOff(task: Task, until: number): void {
    this.#leaveAttempt(task, until)
    noteRepeat(task)
    task.phase = 'backoff'
    this.#wakeAt(task, until)
  }

  /**
   * The link of a stream is gone, and nobody can tell which chunks arrived: its caller hears of it now. What
   * became of the attempt, which keeps its slots, the next hello tells.
   */
  cutStream(task: Task, now: number): void {
    const { worker } = task
    this.endCalls(task, now)
    const ended = provenance(task, now, now - task.startedAt, worker)
    this.#settle(task, { kind: 'failed', error: lostError(task, worker), ...ended }, now)
    task.phase = 'orphan'
  }

  #afterLoss(task: Task, now: number, worker: Worker | undefined, isReported: boolean): void {
    if (task.hasStarted && task.endsUntilAt === undefined) task.losses++
    const mayRepeat = mayRepeatLoss(task, task.lane?.facts, this.#options.maxAttempts)
    if (mayRepeat && !isPoison(task)) {
      noteAttempt(task, worker, 'lost', now)
      return this.placeAgain(task, now)
    }
    const ended = provenance(task, now, 0, worker)
    const error = isPoison(task) ? poisonedError(task, worker) : lostError(task, worker)
    this.#settle(task, { kind: 'failed', error, ...ended }, now, isReported)
  }

  /** An attempt ended without a word from its worker. */
  endAttempt(task: Task, how: AttemptEnd, now: number): void {
    const { worker } = task
    this.endCalls(task, now)
    this.#placement.release(task, now, how === 'never-started' && !task.hasStarted)
    if (task.phase === 'orphan') task.phase = 'settled'
    else if (how === 'never-started') this.placeAgain(task, now)
    else {
      if (how === 'may-have-started') task.attempts++
      this.#afterLoss(task, now, worker, false)
    }
  }

  /** Ends a task from outside: its caller left, its time is up, someone cancelled it. */
  #giveUp(task: Task, error: TaskError, reason: CancelReason, now: number): void {
    const { worker } = task
    this.endCalls(task, now)
    const isAtWorker = worker?.attempts.has(task.attemptId) ?? false
    if (task.laneIndex >= 0) this.#placement.dequeue(task)
    if (task.phase === 'lobby') this.#lobby.remove(task)
    if (worker && isAtWorker) this.#options.dispatch.cancel(worker.id, task.attemptId, reason)
    const runMs = task.hasStarted ? now - task.startedAt : 0
    const ended = provenance(task, now, runMs, worker)
    this.#settle(task, { kind: 'failed', error, ...ended }, now)
    if (isAtWorker) task.phase = 'orphan'
  }

  #settle(task: Task, settlement: Settlement, now: number, isReported = false): void {
    task.phase = 'settled'
    this.#count(settlement)
    this.#forget(task)
    const { submission, fence } = task
    const status = statusOf(settlement, now >= submission.deadlineAt)
    if (task.caller) this.#leaveCaller(task, now)
    this.#options.record?.ended(task, settlement, status, now)
    if (!submission.isDurable) return submission.onSettled(settlement)
    this.#unpersisted.set(submission.run, { task, settlement, isKeptByWorker: isReported })
    this.#options.ledger.finish({ run: submission.run, fence, status })
  }

  /** The task is no longer this object's: it has ended, was not taken, or is on disk only. */
  #forget(task: Task): void {
    const { lane, submission } = task
    this.#due.remove(task)
    this.#tasks.delete(submission.run)
    if (!lane) return
    lane.live--
    endRepeat(task)
    this.#window.refill(lane)
    this.#placement.directory.retire(lane)
  }

  #count(settlement: Settlement): void {
    if (settlement.kind === 'completed') this.#completed++
    else if (settlement.error.code === 'CANCELLED') this.#cancelled++
    else this.#failed++
  }

  // --- Instants --------------------------------------------------------------------------------

  #wakeAt(task: Task, at: number): void {
    task.dueAt = at
    if (this.#due.has(task)) this.#due.update(task)
    else if (at < Number.POSITIVE_INFINITY) this.#due.add(task)
  }

  #wake(task: Task, now: number): void {
    this.#due.remove(task)
    if (task.phase === 'backoff' && now < task.submission.deadlineAt) this.#place(task, now)
    else this.#giveUp(task, overdueError(task, now), 'deadline', now)
  }
}

/** Its deadline, or the end of its waiting, has passed: it is not sent any more. */
function isOver({ submission, queueUntilAt }: Task, now: number): boolean {
  return now >= Math.min(submission.deadlineAt, queueUntilAt)
}

/** The attempt is over and the task is not. One that nobody knows to have begun has no start. */
function noteAttempt(task: Task, worker: Worker | undefined, outcome: AttemptOutcome, now: number): void {
  if (task.attempts === (task.history.at(-1)?.n ?? 0)) return
  const startedAt = task.hasStarted ? task.startedAt : undefined
  const ended = { n: task.attempts, worker: worker?.id, startedAt, finishedAt: now, outcome }
  task.history = [...task.history, ended].slice(-MAX_HISTORY)
}
