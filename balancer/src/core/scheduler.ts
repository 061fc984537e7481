/**
 * The one owner of capacity: every slot, line and attempt of a balancer changes here and nowhere
 * else. Synchronous and pure: an event goes in, commands come out through the two ports; time and
 * randomness come in as arguments. The shell asks `nextAt` and calls `tick`; there is no timer a task.
 *
 * Events come from `http/` (submit, cancel), from `fleet/` (workers, attempts, links) and from the
 * store (claimed, persisted). Tasks come in through intake.ts and live in lifecycle.ts, workers in
 * workforce.ts, attempts in attempts.ts, links in links.ts, slots in placement.ts, doubts in trouble.ts;
 * here are the doors, which decide nothing.
 */
import type { CancelReason, TaskError } from '@berth/protocol'
import type { Caller, CallPort, CallTarget } from '../ports/calls.ts'
import type { DispatchPort } from '../ports/dispatch.ts'
import type { AttemptInDoubt, DurableTasksPort, FixedContract, Wanted } from '../ports/durable-tasks.ts'
import type { FilePiece } from '../ports/files.ts'
import type { ClaimNeeds, LedgerPort } from '../ports/ledger.ts'
import type { LimitFacts, LimitsPort } from '../ports/limits.ts'
import type { ExhaustPort, UsagePort } from '../ports/metering.ts'
import type { Limits, LimitTarget, OperatorPort } from '../ports/operator.ts'
import type { QueueLookPort, QueuePicture } from '../ports/queue-look.ts'
import type { RecordPort } from '../ports/record.ts'
import type { StreamItem } from '../ports/stream.ts'
import type { Admission, ContractsPort, DoorPort, Submission, SubmitPort } from '../ports/submission.ts'
import type { AttemptTally, FunctionTally, TalliesPort } from '../ports/tallies.ts'
import type { DryRun, Explanation, TaskLookPort, TaskPicture } from '../ports/task-look.ts'
import type { Traffic } from '../ports/traffic.ts'
import type {
  Adopted,
  AttemptPicture,
  BreakerFacts,
  HealthPort,
  Outcome,
  StartedThere,
  WorkerFacts,
  WorkforcePort,
} from '../ports/workforce.ts'
import type { QueueLimits } from './admission.ts'
import { AttemptEnds } from './attempt-ends.ts'
import { Attempts, callerFacts, callTarget } from './attempts.ts'
import { concerns } from './gates.ts'
import { Intake } from './intake.ts'
import { Lifecycle } from './lifecycle.ts'
import { Links } from './links.ts'
import { Look } from './look.ts'
import { Placement } from './placement.ts'
import { QueueLook } from './queue-look.ts'
import { Restored } from './restored.ts'
import { callerGoneError } from './settlement.ts'
import { Trouble } from './trouble.ts'
import type { Worker } from './worker.ts'
import { Workforce } from './workforce.ts'

export interface SchedulerOptions {
  readonly dispatch: DispatchPort
  readonly ledger: LedgerPort
  /** First half of every fence: rises with each start of this balancer. */
  readonly epoch: number
  /** 0 ≤ x < 1. */
  readonly random: () => number
  readonly limits: QueueLimits
  /** `TASK_ATTEMPTS`. */
  readonly maxAttempts: number
  /** Heartbeat interval and timeout together. */
  readonly heartbeatMs: number
  /** Silence after which a worker and what it runs are lost. */
  readonly leaseMs: number
  /** `STARVATION_AFTER`: what has waited longer gets every 8th start; 30 s unless given. */
  readonly starvationAfterMs?: number
  /** Length of a worker's first ejection; 5 s unless given. */
  readonly ejectionMs?: number
  /** See placement.ts; both true unless given. */
  readonly comparesSpeed?: boolean
  readonly ejects?: boolean
  /** Where permits come from; this balancer's own memory unless given. */
  readonly permits?: LimitsPort
  /** Hears of every task that ends; nobody unless given. */
  readonly record?: RecordPort
  /** Hears what tasks in memory use; nobody unless given. */
  readonly usage?: UsagePort
  /** The first number of the order of acceptance, higher than any on disk; 0 unless given. */
  readonly firstSeq?: number
  /** Runs on disk of one lane that wait in memory as well; 1,000 unless given. */
  readonly windowSize?: number
}

export class Scheduler
  implements
    SubmitPort,
    CallPort,
    ContractsPort,
    DoorPort,
    WorkforcePort,
    HealthPort,
    OperatorPort,
    TaskLookPort,
    DurableTasksPort,
    ExhaustPort,
    TalliesPort,
    QueueLookPort
{
  readonly #placement: Placement
  readonly #lifecycle: Lifecycle
  readonly #intake: Intake
  readonly #ends: AttemptEnds
  readonly #attempts: Attempts
  readonly #links: Links
  readonly #trouble: Trouble
  readonly #restored: Restored
  readonly #dispatch: DispatchPort
  readonly #workers = new Map<string, Worker>()
  readonly #workforce: Workforce
  readonly #look: Look
  readonly #queueLook: QueueLook

  constructor(options: SchedulerOptions) {
    const placement = new Placement({ ...options, expire: (now) => this.#lifecycle.tick(now) })
    const lifecycle = new Lifecycle({ ...options, placement })
    this.#dispatch = options.dispatch
    this.#placement = placement
    this.#queueLook = new QueueLook(placement)
    this.#lifecycle = lifecycle
    const restored = new Restored({
      lifecycle,
      leaseMs: options.leaseMs,
      endAttempt: (...end) => this.#ends.endSilently(...end),
    })
    this.#restored = restored
    this.#intake = new Intake({ ...options, placement, lifecycle, restored })
    const { maxAttempts } = options
    this.#look = new Look({ lifecycle, intake: this.#intake, placement, workers: this.#workers, maxAttempts })
    const trouble = this.#createTrouble(options)
    this.#trouble = trouble
    this.#workforce = new Workforce(this.#workers, { placement, trouble, intake: this.#intake })
    this.#ends = new AttemptEnds({
      ...options,
      placement,
      lifecycle,
      block: (worker, now) => this.#trouble.block(worker, now),
    })
    const parts = { workers: this.#workers, placement, lifecycle, ends: this.#ends, trouble }
    this.#links = new Links({
      ...options,
      ...parts,
      restored,
      onBack: (worker, now) => this.#workforce.refresh(worker, now),
    })
    this.#attempts = new Attempts({
      ...parts,
      usage: options.usage,
      onLate: (worker, attemptId) => this.#links.onLate(worker, attemptId),
    })
  }

  #createTrouble({ heartbeatMs, leaseMs, dispatch }: SchedulerOptions): Trouble {
    return new Trouble({
      placement: this.#placement,
      heartbeatMs,
      leaseMs,
      mayRunTwice: (task) => this.#ends.mayRunTwice(task),
      cancel: (worker, { attemptId }) => dispatch.cancel(worker.id, attemptId, 'drain'),
      endAttempt: (task, how, now) => {
        const isOwnFault = how !== 'never-started' && task.endsUntilAt === undefined
        if (isOwnFault && task.worker) this.#placement.health.failed(task.worker, now)
        this.#ends.endSilently(task, how, now)
      },
    })
  }

  // --- Callers ---------------------------------------------------------------------------------

  /** Takes a task or says why not. The end comes by `submission.onSettled`, never before this returns. */
  submit(submission: Submission, now: number): Admission {
    const { call } = submission
    if (!call) return this.#intake.submit(submission, now)
    const caller = this.#attempts.runningTask(call.worker, call.attemptId)
    if (!caller) return { ok: false, error: callerGoneError() }
    return this.#intake.submitCall(submission, caller, now)
  }

  /** The running task behind an attempt, for one that calls; undefined when nobody wants its result any more. */
  caller(id: string, attemptId: number): Caller | undefined {
    const task = this.#attempts.runningTask(id, attemptId)
    return task && callerFacts(task)
  }

  /** What a running task would call now: its contract, and what is known of it. */
  callTarget(id: string, attemptId: number, name: string): CallTarget {
    return callTarget(this.#attempts.runningTask(id, attemptId), name, this.#placement.directory)
  }

  /** Ends a task that nobody wants any more. False when it is unknown or has ended. */
  cancel(run: string, reason: CancelReason, now: number): boolean {
    return this.#lifecycle.cancel(run, reason, now)
  }

  /** The run has used more than it may: it ends with what it returns within a moment. */
  exhaust(run: string, error: TaskError, now: number): void {
    const task = this.#lifecycle.tasks.get(run)
    if (task) this.#lifecycle.exhaust(task, error, now)
  }

  /** Why a body is not worth reading now: nothing new is taken, or the memory for tasks is used up. */
  refuseAtDoor(ownBytes: number, othersBytes: number): TaskError | undefined {
    return this.#intake.refuseAtDoor(ownBytes, othersBytes)
  }

  // --- Workers ---------------------------------------------------------------------------------

  /** A worker of the list, new or changed. */
  setWorker(facts: WorkerFacts, now: number): void {
    this.#workforce.set(facts, now)
  }

  /** What the worker pushed: its limit, and the slots that others use there. */
  pushed(id: string, limit: number, foreign: number, now: number): void {
    this.#workforce.pushed(id, limit, foreign, now)
  }

  /** The worker has left the list and runs nothing of ours. */
  removeWorker(id: string, now: number): void {
    this.#workforce.remove(id, now)
  }

  /** Attempts of ours under way at a worker. */
  attemptsAt(id: string): number {
    return this.#workers.get(id)?.attempts.size ?? 0
  }

  /** What of ours is under way at a worker, recalled tasks aside. */
  underWay(id: string, now: number): AttemptPicture[] {
    return this.#look.underWay(id, now)
  }

  /**
   * Ends all that a worker runs of ours: each attempt gets its signal, `drain`, and is lost when it has not
   * ended `graceMs` later. Says it again where it was said before, for instance on a new link.
   */
  emptyWorker(id: string, graceMs: number, now: number): void {
    const worker = this.#workers.get(id)
    if (worker) this.#trouble.empty(worker, graceMs, now)
  }

  /** Every listed worker has answered or failed once: from now on nobody waits for the unknown. */
  settleFleet(now: number): void {
    this.#intake.settleFleet(now)
  }

  // --- Attempts --------------------------------------------------------------------------------

  started(id: string, attemptId: number, now: number, isCold = false): void {
    this.#attempts.started(id, attemptId, isCold, now)
  }

  /** Something that the handler made on the way. What nobody follows is passed over. */
  streamed(id: string, attemptId: number, item: StreamItem, now: number): void {
    this.#attempts.streamed(id, attemptId, item, now)
  }

  /** A piece of a file that the handler writes. */
  filed(id: string, attemptId: number, piece: FilePiece, now: number): void {
    this.#attempts.filed(id, attemptId, piece, now)
  }

  /** END: the attempt is over and its slots are free. Unknown attempts are ignored. */
  finished(id: string, attemptId: number, outcome: Outcome, now: number): void {
    this.#attempts.finished(id, attemptId, outcome, now)
  }

  /** BUSY or RECALLED: it never started there and goes elsewhere at once. */
  returned(id: string, attemptId: number, why: 'busy' | 'recalled', now: number): void {
    this.#attempts.returned(id, attemptId, why, now)
  }

  // --- Links -----------------------------------------------------------------------------------

  /** No sign of life, the link still stands (`silent`) or is gone (`unlinked`). Nothing is lost yet. */
  troubled(id: string, kind: 'silent' | 'unlinked', lastSeenAt: number, now: number): void {
    this.#links.troubled(id, kind, lastSeenAt, now)
  }

  /** The silent worker speaks again on the same link. */
  recovered(id: string, now: number): void {
    this.#links.recovered(id, now)
  }

  /** A new link of the same process; what of its `started` goes on. */
  relinked(id: string, started: readonly StartedThere[], now: number, boot?: string): Adopted[] {
    return this.#links.relinked(id, started, now, boot)
  }

  /** The process is known to be gone. */
  workerGone(id: string, now: number): void {
    this.#links.workerGone(id, now)
  }

  // --- Runs on disk ----------------------------------------------------------------------------

  /** The next number of the one order of acceptance. */
  nextSeq(): number {
    return this.#intake.nextSeq()
  }

  /** The contract of a run that is accepted now, or why none is. */
  fixContract(wanted: Wanted, now: number): FixedContract {
    return this.#intake.fixContract(wanted, now)
  }

  get lanes(): number {
    return this.#placement.directory.lanes.size
  }

  /** A run that is on disk waits from now on; what has no room here is pushed back there. */
  queued(submission: Submission, isNew: boolean, now: number): void {
    this.#intake.queued(submission, isNew, now)
  }

  /** A run that was at a worker when an earlier balancer ended. */
  restore(submission: Submission, attempt: AttemptInDoubt, now: number): void {
    this.#intake.restore(submission, attempt, now)
  }

  /** A lane has waiting runs on disk; its name. */
  laneOnDisk(needs: ClaimNeeds): string {
    return this.#intake.laneOnDisk(needs)
  }

  /** What `writeFirst` told cannot be brought to disk now. */
  unwritten(id: string, attemptId: number, now: number): void {
    this.#attempts.unwritten(id, attemptId, now)
  }

  /** What `writeFirst` told is on disk. */
  written(id: string, attemptId: number, now: number): void {
    this.#attempts.written(id, attemptId, now)
  }

  /** What `attemptOver` told is on disk: its worker may forget the attempt. */
  noted(worker: string, attemptId: number, fence: number): void {
    this.#dispatch.acknowledge(worker, attemptId, fence)
  }

  /** The store's answer to `claim`: runs of one lane, in order; `hasMore` when the lane has others. */
  claimed(lane: string, submissions: readonly Submission[], hasMore: boolean, now: number): void {
    this.#intake.claimed(lane, submissions, hasMore, now)
  }

  /** The ends of these runs are on disk: their callers hear of it, their workers may forget. */
  persisted(runs: readonly string[]): void {
    this.#lifecycle.settlements.persisted(runs)
  }

  // --- Time ------------------------------------------------------------------------------------

  /** When `tick` has something to do, Infinity when never. */
  nextAt(): number {
    return Math.min(
      this.#lifecycle.nextAt,
      this.#trouble.nextAt,
      this.#placement.nextAt,
      this.#restored.nextAt,
    )
  }

  tick(now: number): void {
    this.#lifecycle.tick(now)
    this.#trouble.tick(now)
    this.#restored.tick(now)
    this.#placement.tick(now)
    // What came back from a worker in trouble may have no time left.
    if (this.#lifecycle.nextAt <= now) this.#lifecycle.tick(now)
  }

  // --- Operators -------------------------------------------------------------------------------

  /** Replaces every limit of a group, a function or a fairness key of either; a function's goes before its group's. */
  setLimits(target: LimitTarget, limits: Limits, now: number): void {
    const { gates, directory, fairness } = this.#placement
    const { group, function: name, fairnessKey } = target
    gates.set(target, limits, this.#workforce.attempts())
    if (fairnessKey !== undefined) fairness.flow(group, fairnessKey).setWeight(name ?? '', limits.weight)
    else directory.setDefaultContract(group, name, limits.defaultContract)
    if (limits.paused || limits.rate) this.#takeBackAhead(target)
    this.#placement.reopen(now)
  }

  /** What waits at a worker for a slot would start there in spite of the pause or the rate. */
  #takeBackAhead(target: LimitTarget): void {
    for (const task of this.#workforce.attempts())
      if (task.isAhead && concerns(target, task)) this.#placement.ahead.recall(task)
  }

  limits(target: LimitTarget, now: number): LimitFacts {
    return this.#placement.gates.facts(target, now)
  }

  /** Changes the priority of a task that waits; false when it does not. */
  reprioritise(run: string, priority: number, now: number): boolean {
    return this.#lifecycle.reprioritise(run, priority, now)
  }

  // --- Pictures --------------------------------------------------------------------------------

  /** What waits and runs and is meant, the newest run first, at most `count`, of those older than `before`. */
  newest(count: number, before: string | undefined, isMeant: (task: TaskPicture) => boolean): TaskPicture[] {
    return this.#look.newest(count, before, isMeant)
  }

  find(run: string): TaskPicture | undefined {
    return this.#look.find(run)
  }

  explain(run: string, now: number): Explanation | undefined {
    return this.#look.explain(run, now)
  }

  /** Where a task would go now; nothing is reserved. */
  defaultContract(group: string, name: string): number | undefined {
    return this.#placement.directory.defaultContract(group, name)
  }

  explainDry(submission: Submission, now: number): DryRun {
    return this.#look.explainDry(submission, now)
  }

  /** Why a worker is left out or on trial; undefined for an unknown one. */
  breaker(id: string): BreakerFacts | undefined {
    const worker = this.#workers.get(id)
    return worker && this.#placement.health.facts(worker)
  }

  /** Takes nothing new; what is here goes on. */
  drain(): void {
    this.#intake.drain()
  }

  /** Answers every caller who still waits; running attempts are left to their workers. */
  abandonCallers(now: number): void {
    this.#lifecycle.abandonCallers(now)
  }

  traffic(): Traffic {
    return this.#intake.traffic()
  }

  /** What waits, in figures and in order. */
  queue(group: string | undefined, limit: number, now: number): QueuePicture {
    return this.#queueLook.queue(group, limit, now)
  }

  tallies(): Iterable<FunctionTally> {
    return this.#placement.directory.tallies.all()
  }

  backlog(visit: (tally: FunctionTally, waiting: number, oldestAt: number) => void): void {
    const { directory } = this.#placement
    const { lobby } = this.#lifecycle
    if (lobby.size > 0) visit(directory.tallies.rest, lobby.size, lobby.oldestAt)
    for (const { waiting, tally, oldest } of directory.lanes.values())
      if (waiting > 0 && oldest) visit(tally, waiting, oldest.waitsSinceAt)
  }

  attemptTally(id: string): AttemptTally | undefined {
    return this.#workers.get(id)?.tally
  }
}
