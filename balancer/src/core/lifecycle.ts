/**
 * The steps of a task inside the core, from the moment it is kept to its one settlement (task.ts has the
 * picture): it is sent or waits, begins, goes elsewhere, is given up, ends. intake.ts brings tasks here,
 * attempt-ends.ts says what an attempt's end means for them.
 * Invariant: every task that is kept is settled once, or is on disk only.
 */
import { type CancelReason, type TaskError, TurnoverMap } from '@berth/protocol'
import type { DispatchPort } from '../ports/dispatch.ts'
import type { LedgerPort } from '../ports/ledger.ts'
import type { RecordPort } from '../ports/record.ts'
import type { Settlement } from '../ports/submission.ts'
import { Absence } from './absence.ts'
import { Agenda } from './agenda.ts'
import { DiskWindow } from './disk-window.ts'
import { Lobby } from './lobby.ts'
import { startMeter, stopMeter, usedUpAt } from './metering.ts'
import type { Placement } from './placement.ts'
import { endRepeat, noteRepeat } from './retry.ts'
import { drainingError, overdueError, provenance } from './settlement.ts'
import { Settlements } from './settlements.ts'
import type { Task } from './task.ts'
import type { Worker } from './worker.ts'

/** A worker answers a second after the signal at the latest; its link takes a moment. */
const LAST_WORDS_MS = 2_000
/** How often a run is looked at whose time is used up while its link is away. */
const LOOK_MS = 1_000
const CALLER_ENDED: TaskError = { code: 'CANCELLED', detail: 'The task that called it has ended.' }

export interface LifecycleOptions {
  readonly placement: Placement
  readonly dispatch: DispatchPort
  readonly ledger: LedgerPort
  /** See disk-window.ts. */
  readonly windowSize?: number | undefined
  /** Hears of every task that ends; nobody unless given. */
  readonly record?: RecordPort | undefined
}

export class Lifecycle {
  readonly lobby = new Lobby()
  readonly settlements: Settlements
  readonly window: DiskWindow
  readonly #dispatch: DispatchPort
  readonly #ledger: LedgerPort
  readonly #placement: Placement
  readonly #tasks = new TurnoverMap<string, Task>()
  readonly #agenda = new Agenda()
  readonly #absence: Absence

  constructor(options: LifecycleOptions) {
    const { placement, dispatch, ledger } = options
    this.#dispatch = dispatch
    this.#ledger = ledger
    this.#placement = placement
    this.#absence = new Absence(placement)
    this.settlements = new Settlements({ ...options, tallies: placement.directory.tallies })
    this.window = new DiskWindow({
      placement,
      ledger,
      forget: (task) => this.forget(task),
      size: options.windowSize,
    })
  }

  /** Every task that has not ended, in order of acceptance as a rule. */
  get tasks(): Pick<TurnoverMap<string, Task>, 'get' | 'has' | 'values'> {
    return this.#tasks
  }

  get waitingBytes(): number {
    return this.#placement.waitingBytes + this.lobby.bytes
  }

  get nextAt(): number {
    return this.#agenda.nextAt
  }

  tick(now: number): void {
    for (let task = this.#agenda.takeDue(now); task; task = this.#agenda.takeDue(now)) this.#wake(task, now)
  }

  #wake(task: Task, now: number): void {
    if (task.spent) return this.giveUp(task, task.spent, 'budget', now)
    const isRunning = task.phase === 'running' || task.phase === 'doubt'
    if (isRunning && now < task.submission.deadlineAt) return this.#lookAtMeter(task, now)
    if (task.phase === 'backoff' && now < task.submission.deadlineAt) this.place(task, now)
    else this.giveUp(task, this.#overdue(task, now), 'deadline', now)
  }

  /** Its time may be used up, unless it waits for calls, or others that used it as well have ended since. */
  #lookAtMeter(task: Task, now: number): void {
    const error = task.isMetered ? task.submission.meter?.exhausted(now) : undefined
    if (!error) return this.watch(task, now)
    // Its worker ends it by itself, and says so on the next link.
    if (task.phase === 'doubt') this.#agenda.set(task, Math.min(task.submission.deadlineAt, now + LOOK_MS))
    else this.exhaust(task, error, now)
  }

  /** It runs: its deadline is looked at, and when its budget will be used up. */
  watch(task: Task, now: number): void {
    this.#agenda.set(task, Math.min(task.submission.deadlineAt, usedUpAt(task, now)))
  }

  /** With the reason, where it waited for workers of whom none is in service. */
  #overdue(task: Task, now: number): TaskError {
    const error = overdueError(task, now)
    const reason = task.phase === 'waiting' && task.lane ? this.#absence.reasonFor(task.lane, now) : undefined
    return reason === undefined ? error : { ...error, detail: `${error.detail} ${reason}` }
  }

  // --- Waiting ---------------------------------------------------------------------------------

  /** From now on it is found by its run. */
  keep(task: Task): void {
    this.#tasks.set(task.submission.run, task)
  }

  /** Its attempt is at a worker of which nobody has heard yet. */
  keepInDoubt(task: Task, startedAt: number | undefined): void {
    this.keep(task)
    task.phase = 'doubt'
    if (startedAt !== undefined) {
      task.hasStarted = true
      task.startedAt = startedAt
    }
    this.#agenda.set(task, task.submission.deadlineAt)
  }

  /** It is at this worker, which it was not known to be; begun before, if that is known. */
  adopt(task: Task, worker: Worker, fence: number, now: number): void {
    const { hasStarted, startedAt } = task
    if (task.laneIndex >= 0) this.#placement.dequeue(task)
    this.#placement.adopt(task, worker, fence, now)
    if (!hasStarted) return this.begin(task, now)
    task.hasStarted = true
    task.startedAt = startedAt
    task.phase = 'running'
    startMeter(task, startedAt)
    this.watch(task, now)
  }

  /** It waits for a fleet that has not answered yet. */
  joinLobby(task: Task): void {
    const { deadlineAt, queueUntilAt } = task.submission
    this.lobby.add(task)
    this.#agenda.set(task, Math.min(deadlineAt, queueUntilAt))
  }

  /** Sends the task or puts it in line; one whose time is over is never sent, and no other such one. */
  place(task: Task, now: number): void {
    if (isOver(task, now)) return this.giveUp(task, overdueError(task, now), 'deadline', now)
    if (task.submission.isDurable && this.window.isClosed) return this.window.pushBack(task)
    this.tick(now)
    if (!this.offer(task, now)) this.wait(task, false, now)
  }

  /** Sends the task if a worker has room for it now. */
  offer(task: Task, now: number): boolean {
    if (!this.#placement.offer(task, now) && !this.#placement.bringHome(task, now)) return false
    this.#agenda.set(task, task.submission.deadlineAt)
    return true
  }

  /** `isFresh`: it did not come from the disk, so others may stand before it there. */
  wait(task: Task, isFresh: boolean, now: number): void {
    const { submission } = task
    if (submission.isDurable && !this.window.admits(task, isFresh)) return this.window.pushBack(task)
    this.#placement.enqueue(task, now)
    this.#agenda.set(task, Math.min(submission.deadlineAt, task.queueUntilAt))
  }

  /** Another attempt, or the first one elsewhere. Time spent in an attempt is no waiting. */
  placeAgain(task: Task, now: number): void {
    if (task.hasStarted) leaveAttempt(task, now)
    if (task.submission.isDurable) this.#ledger.moved(task)
    this.place(task, now)
  }

  /** Another attempt, not before that instant. */
  backOff(task: Task, until: number): void {
    leaveAttempt(task, until)
    noteRepeat(task)
    task.phase = 'backoff'
    if (task.submission.isDurable) this.#ledger.moved(task)
    this.#agenda.set(task, until)
  }

  /** Changes the priority of a task that waits in any way; false when it does not. */
  reprioritise(run: string, priority: number, now: number): boolean {
    const task = this.#tasks.get(run)
    if (task?.phase === 'waiting') this.#placement.reprioritise(task, priority, now)
    else if (task?.phase === 'sent' && task.isAhead) {
      // It waits at a worker: asked back, it takes its place anew.
      this.#placement.ahead.recall(task)
      task.reprioritise(priority)
    } else if (task?.phase === 'lobby' || task?.phase === 'backoff') task.reprioritise(priority)
    else return false
    return true
  }

  // --- Running ---------------------------------------------------------------------------------

  /** The slot is taken: the attempt counts, and nobody else may have the task. */
  begin(task: Task, now: number): void {
    this.#placement.ahead.leave(task)
    task.hasStarted = true
    task.startedAt = now
    if (task.phase === 'orphan') return
    task.attempts++
    task.phase = 'running'
    startMeter(task, now)
    if (task.submission.isDurable) this.#ledger.moved(task)
    this.watch(task, now)
  }

  /** The call is over: with its last one the caller goes on. */
  leaveCaller(task: Task, now: number): void {
    const { caller } = task
    task.caller = undefined
    if (!caller?.calls?.delete(task) || caller.calls.size > 0) return
    this.#placement.reclaim(caller, now)
    if (caller.isMetered && !caller.spent) this.watch(caller, now)
  }

  /** The attempt that called them is over, or cannot be told: nobody waits for them. */
  endCalls(task: Task, now: number, error = CALLER_ENDED, reason: CancelReason = 'caller'): void {
    const { calls } = task
    if (!calls || calls.size === 0) return
    for (const child of [...calls]) this.giveUp(child, error, reason, now)
  }

  // --- Ending ----------------------------------------------------------------------------------

  /** Ends a task that nobody wants any more. False when it is unknown or has ended. */
  cancel(run: string, reason: CancelReason, now: number): boolean {
    const task = this.#tasks.get(run)
    if (!task || task.isSettled) return false
    const detail = reason === 'caller' ? 'The caller went away.' : 'Someone cancelled the task.'
    this.giveUp(task, { code: 'CANCELLED', detail }, reason, now)
    return true
  }

  /**
   * The run has used more than it may: what runs of it gets its signal, and what that returns within a moment is its
   * result.
   */
  exhaust(task: Task, error: TaskError, now: number): void {
    if (task.isSettled || task.spent) return
    const { worker } = task
    if (!worker || task.phase !== 'running') return this.giveUp(task, error, 'budget', now)
    task.spent = error
    this.endCalls(task, now, error, 'budget')
    this.#dispatch.cancel(worker.id, task.attemptId, 'budget')
    this.#agenda.set(task, Math.min(task.submission.deadlineAt, now + LAST_WORDS_MS))
  }

  /** Answers every caller who still waits; their attempts are cancelled. Durable runs stay with their workers. */
  abandonCallers(now: number): void {
    // What a task called has ended with it; what a durable run called goes on as that does.
    for (const task of [...this.#tasks.values()]) {
      const { isDurable, call } = task.submission
      if (!isDurable && !call?.tree?.isDurable && !task.isSettled)
        this.giveUp(task, drainingError(), 'drain', now)
    }
  }

  /** Ends a task from outside: its caller left, its time is up, someone cancelled it. */
  giveUp(task: Task, error: TaskError, reason: CancelReason, now: number): void {
    const { worker } = task
    this.endCalls(task, now)
    const isAtWorker = worker?.attempts.has(task.attemptId) ?? false
    if (task.laneIndex >= 0) this.#placement.dequeue(task)
    if (task.phase === 'lobby') this.lobby.remove(task)
    if (worker && isAtWorker && !task.held) this.#dispatch.cancel(worker.id, task.attemptId, reason)
    const runMs = task.hasStarted ? now - task.startedAt : 0
    const ended = provenance(task, now, runMs, worker)
    this.settle(task, { kind: 'failed', error, ...ended }, now)
    if (isAtWorker) task.phase = 'orphan'
  }

  /** The task's one end; `isReported` when its worker told it and keeps the outcome. */
  settle(task: Task, settlement: Settlement, now: number, isReported = false): void {
    task.phase = 'settled'
    stopMeter(task, now)
    this.forget(task)
    if (task.caller) this.leaveCaller(task, now)
    this.settlements.tell(task, settlement, isReported, now)
  }

  /** The task is no longer this object's: it has ended, was not taken, or is on disk only. */
  forget(task: Task): void {
    const { lane, submission } = task
    this.#agenda.remove(task)
    this.#tasks.delete(submission.run)
    if (!lane) return
    lane.live--
    endRepeat(task)
    this.window.refill(lane)
    this.#placement.directory.retire(lane)
  }
}

/** Its deadline, or the end of its waiting, has passed: it is not sent any more. */
function isOver({ submission, queueUntilAt }: Task, now: number): boolean {
  return now >= Math.min(submission.deadlineAt, queueUntilAt)
}

function leaveAttempt(task: Task, now: number): void {
  task.hasStarted = false
  task.waitsSinceAt = now
  task.queueUntilAt = now + task.submission.queueUntilAt - task.acceptedAt
}
