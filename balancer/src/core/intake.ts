/**
 * Takes tasks into the core or says why not: what callers submit, what running tasks call, and what the
 * store hands over. Owned by the scheduler; the sentences are those of admission.ts, the steps that
 * follow those of lifecycle.ts. Invariant: a refusal leaves nothing behind, and no outcome comes before
 * `submit` has returned.
 */
import type { TaskError } from '@berth/protocol'
import type { AttemptInDoubt, FixedContract, Wanted } from '../ports/durable-tasks.ts'
import type { Admission, Submission } from '../ports/submission.ts'
import type { Traffic } from '../ports/traffic.ts'
import {
  capacityRefusal,
  doorRefusal,
  type QueueLimits,
  queueRefusal,
  sizeRefusal,
  streamRefusal,
  unknownFunction,
} from './admission.ts'
import type { Lane, LaneNeeds } from './lane.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Placement } from './placement.ts'
import type { Restored } from './restored.ts'
import { callerGoneError, drainingError, overdueError, pausedError, provenance } from './settlement.ts'
import type { Tally } from './tally.ts'
import { Task } from './task.ts'

export interface IntakeOptions {
  readonly lifecycle: Lifecycle
  readonly placement: Placement
  readonly random: () => number
  readonly limits: QueueLimits
  readonly restored: Restored
  /** The first number of the order of acceptance; 0 unless given. */
  readonly firstSeq?: number | undefined
}

const ACCEPTED: Admission = { ok: true }
const UNSETTLED: FixedContract = { kind: 'unsettled' }

export class Intake {
  readonly #options: IntakeOptions
  readonly #lifecycle: Lifecycle
  readonly #placement: Placement
  #isFleetSettled = false
  #isDraining = false
  #seq: number
  #submitted = 0

  constructor(options: IntakeOptions) {
    this.#options = options
    this.#lifecycle = options.lifecycle
    this.#placement = options.placement
    this.#seq = options.firstSeq ?? 0
  }

  get isFleetSettled(): boolean {
    return this.#isFleetSettled
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  // --- Callers ---------------------------------------------------------------------------------

  /** Takes a task or says why not. The end comes by `submission.onSettled`, never before this returns. */
  submit(submission: Submission, now: number): Admission {
    if (submission.isDurable) return this.#submitDurable(submission, now)
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
    this.#lifecycle.tick(now)
    if (caller.phase !== 'running') return { ok: false, error: callerGoneError() }
    const task = new Task(submission, now, this.#seq++, caller.place)
    task.caller = caller
    // A turn by age is handed down as well.
    if (caller.urgency < caller.priority) task.urgency = caller.urgency
    caller.calls ??= new Set()
    caller.calls.add(task)
    // First: the called task may have the caller's own slot.
    this.#placement.lend(caller, now)
    const refusal = this.#takeInTime(task, now)
    if (refusal) this.#lifecycle.leaveCaller(task, now)
    if (caller.worker) this.#placement.serveWorker(caller.worker, now)
    return refusal ? { ok: false, error: refusal } : ACCEPTED
  }

  /** Why a body should not be read now. */
  refuseAtDoor(ownBytes: number, othersBytes: number): TaskError | undefined {
    if (this.#isDraining) return drainingError()
    const { waitingBytes } = this.#lifecycle
    return doorRefusal({ ownBytes, othersBytes, waitingBytes }, this.#options.limits)
  }

  /** Takes nothing new; what is here goes on, but for runs on disk, which wait there. */
  drain(): void {
    this.#isDraining = true
    const { window, tasks } = this.#lifecycle
    window.close()
    for (const task of [...tasks.values()]) if (task.lane && task.isLeftToDisk) window.pushBack(task)
  }

  // --- The store -------------------------------------------------------------------------------

  nextSeq(): number {
    return this.#seq++
  }

  /** The contract of a run that is accepted now; what nobody serves yet may be served once all have answered. */
  fixContract(wanted: Wanted, now: number): FixedContract {
    if (wanted.contract === undefined && !this.#isFleetSettled) return UNSETTLED
    const needs = this.needsOf(wanted)
    const lane = needs && this.#placement.directory.find(needs)
    if (!lane) return this.#isFleetSettled ? { kind: 'refused', error: unknownFunction(wanted) } : UNSETTLED
    const isJudgedNow = wanted.isWaitedFor === true && this.#isFleetSettled
    const error = isJudgedNow ? this.#refusalNow(wanted, lane, now) : sizeRefusal(lane)
    this.#placement.directory.retire(lane)
    return error ? { kind: 'refused', error } : { kind: 'fixed', contract: lane.needs.contract }
  }

  #refusalNow(wanted: Wanted, lane: Lane, now: number): TaskError | undefined {
    const { gates } = this.#placement
    const task = { submission: wanted }
    const pause = gates.areAnySet ? gates.pauseOf(task, now) : undefined
    return pause ? pausedError(task, pause, now) : capacityRefusal(lane, this.#placement, now)
  }

  #submitDurable(submission: Submission, now: number): Admission {
    if (this.#isDraining) return { ok: false, error: drainingError() }
    const fixed = this.fixContract(submission, now)
    if (fixed.kind === 'refused') return { ok: false, error: fixed.error }
    this.queued(submission, true, now)
    return ACCEPTED
  }

  /** A run that is on disk, and new here or to everybody. */
  queued(submission: Submission, isNew: boolean, now: number): void {
    if (isNew) this.#submitted++
    this.#takeDurable(submission, true, now, isNew)
  }

  /** A run that was at a worker when an earlier balancer ended. */
  restore(submission: Submission, attempt: AttemptInDoubt, now: number): void {
    const task = this.#durableTask(submission, now)
    this.#lifecycle.keepInDoubt(task, attempt.startedAt)
    this.#options.restored.add(task, attempt, now)
  }

  laneOnDisk(needs: LaneNeeds): string {
    const lane = this.#placement.directory.hold(needs)
    this.#lifecycle.window.noteMore(lane)
    return lane.key
  }

  #durableTask(submission: Submission, now: number): Task {
    const task = new Task(submission, submission.acceptedAt ?? now, submission.seq ?? this.#seq++)
    const needs = this.needsOf(submission)
    if (!needs) return task
    task.lane = this.#placement.directory.hold(needs)
    task.lane.live++
    return task
  }

  /** It waits as long as it takes, whoever serves it; what has no room in memory comes back when there is some. */
  #takeDurable(submission: Submission, isFresh: boolean, now: number, isNew = false): void {
    const lifecycle = this.#lifecycle
    const { window } = lifecycle
    const task = this.#durableTask(submission, now)
    if (isNew) this.#tallyOf(task).submitted++
    lifecycle.tick(now)
    lifecycle.keep(task)
    if (!task.lane) return this.#refuseTaken(task, unknownFunction(submission), now)
    task.phase = 'waiting'
    if (now >= Math.min(submission.deadlineAt, submission.queueUntilAt))
      return lifecycle.giveUp(task, overdueError(task, now), 'deadline', now)
    if (this.#isDraining) return window.pushBack(task)
    if (isFresh && !window.mayGo(task)) return window.pushBack(task)
    if (!lifecycle.offer(task, now)) lifecycle.wait(task, isFresh, now)
  }

  /** The store's answer to `claim`: runs of one lane, in order; `hasMore` when the lane has others. */
  claimed(key: string, submissions: readonly Submission[], hasMore: boolean, now: number): void {
    const { window } = this.#lifecycle
    const lane = this.#placement.directory.lanes.get(key)
    if (lane) window.refilled(lane, submissions.length, hasMore)
    for (const submission of submissions) this.#takeClaimed(submission, now)
    if (!lane) return
    window.refill(lane)
    this.#placement.directory.retire(lane)
  }

  #takeClaimed(submission: Submission, now: number): void {
    const { run } = submission
    const { tasks, settlements } = this.#lifecycle
    if (!tasks.has(run) && !settlements.has(run)) this.#takeDurable(submission, false, now)
  }

  // --- The fleet -------------------------------------------------------------------------------

  /** Every listed worker has answered or failed once: from now on nobody waits for the unknown. */
  settleFleet(now: number): void {
    this.#isFleetSettled = true
    this.#options.restored.settle(now)
    this.#lifecycle.window.open()
    this.readmitLobby(now)
  }

  /** The fleet changed: some of those in the lobby may have their lane now, or a clear refusal. */
  readmitLobby(now: number): void {
    const { lobby, window } = this.#lifecycle
    window.wake()
    if (lobby.size === 0) return
    for (const group of lobby.groups()) for (const task of group) if (!this.#readmit(task, now)) break
  }

  /** False when the task stays in the lobby, and all with the same needs with it. */
  #readmit(task: Task, now: number): boolean {
    const refusal = this.#admit(task, now)
    if (!refusal && task.phase === 'lobby') return false
    this.#lifecycle.lobby.remove(task)
    if (task.lane) this.#moveTally(task.lane)
    if (refusal) this.#refuseTaken(task, refusal, now)
    else this.#lifecycle.place(task, now)
    return true
  }

  /** It was counted before anybody knew its lane. */
  #moveTally({ tally }: Lane): void {
    this.#placement.directory.tallies.rest.submitted--
    tally.submitted++
  }

  // --- Admission -------------------------------------------------------------------------------

  /** What is over before it begins is never sent. */
  #takeInTime(task: Task, now: number): TaskError | undefined {
    return now >= task.submission.deadlineAt ? overdueError(task, now) : this.#take(task, now)
  }

  /** Accepts a task into lobby, line or attempt; a refusal leaves nothing behind. */
  #take(task: Task, now: number): TaskError | undefined {
    const refusal = this.#admit(task, now)
    if (refusal) return refusal
    const lifecycle = this.#lifecycle
    lifecycle.tick(now)
    lifecycle.keep(task)
    if (task.phase === 'lobby') lifecycle.joinLobby(task)
    else if (!lifecycle.offer(task, now)) {
      const full = this.queueRefusal(task, now)
      if (full) {
        lifecycle.forget(task)
        return full
      }
      lifecycle.wait(task, true, now)
    }
    this.#submitted++
    this.#tallyOf(task).submitted++
    return undefined
  }

  #tallyOf({ lane }: Task): Tally {
    return lane?.tally ?? this.#placement.directory.tallies.rest
  }

  /** It was taken before: its refusal is an end like others. */
  #refuseTaken(task: Task, error: TaskError, now: number): void {
    this.#lifecycle.settle(task, { kind: 'failed', error, ...provenance(task, now, 0) }, now)
  }

  /** Binds the task to its lane, or leaves it to the lobby. A refusal says why neither. */
  #admit(task: Task, now: number): TaskError | undefined {
    const { submission } = task
    const { gates } = this.#placement
    // Who waits in the lobby has been accepted, and stays.
    const mayBePaused = gates.areAnySet && !this.#lifecycle.tasks.has(submission.run)
    const pause = mayBePaused ? gates.pauseOf(task, now) : undefined
    if (pause) return pausedError(task, pause, now)
    const lane = this.#laneOf(submission)
    const refusal = lane
      ? (streamRefusal(lane, submission) ?? this.#absence(task, lane, now))
      : unknownFunction(submission)
    if (lane && !refusal) {
      task.lane = lane
      task.phase = 'waiting'
      lane.live++
      return undefined
    }
    if (lane) this.#placement.directory.retire(lane)
    return this.#isFleetSettled ? refusal : this.#lobbyRefusal(task)
  }

  /** Nobody is in service; but whoever runs its caller may take it all the same. */
  #absence(task: Task, lane: Lane, now: number): TaskError | undefined {
    const refusal = capacityRefusal(lane, this.#placement, now)
    return refusal && this.#placement.homeOf(task, lane) ? undefined : refusal
  }

  #laneOf(submission: Submission): Lane | undefined {
    return this.#placement.directory.laneOf(submission)
  }

  /** The needs of a submission, as admission would fix them now. */
  needsOf(submission: Wanted): LaneNeeds | undefined {
    const { group, function: name, selector } = submission
    const contract = submission.contract ?? this.#placement.directory.defaultContract(group, name)
    return contract === undefined ? undefined : { group, contract, function: name, selector }
  }

  /** Why a task with a lane may not wait, when the lines are full. */
  queueRefusal(task: Task, now: number): TaskError | undefined {
    const { limits, random } = this.#options
    return queueRefusal(task, { waitingBytes: this.#lifecycle.waitingBytes, limits, random, now })
  }

  #lobbyRefusal(task: Task): TaskError | undefined {
    const { tasksPerLane, bytes } = this.#options.limits
    const { tasks, lobby, waitingBytes } = this.#lifecycle
    if (task.phase === 'lobby' && tasks.has(task.submission.run)) return undefined
    if (lobby.size < tasksPerLane && waitingBytes + task.bytes <= bytes) return undefined
    return {
      code: 'QUEUE_FULL',
      detail: 'The balancer is starting and its waiting room is full. Try again in a moment.',
      retryAfterMs: 1000,
    }
  }

  traffic(): Traffic {
    const { settlements, lobby } = this.#lifecycle
    const { completed, failed, cancelled } = settlements
    const { waiting, running } = this.#placement
    return {
      submitted: this.#submitted,
      completed,
      failed,
      cancelled,
      waiting: waiting + lobby.size,
      running,
    }
  }
}
