/**
 * Which task goes to which worker, and when: the only place that reserves and releases slots. Called
 * by the scheduler on every event that frees a slot or brings a task. Late binding: a task is sent
 * when a slot is free for it, or just before (sent-ahead.ts), where the round trip would leave it idle;
 * turns.ts says whose turn it is, choice.ts where it goes.
 *
 * Invariant: a lane has waiting tasks only while no worker in service that could ever hold one of them
 * has a free slot.
 */
import type { DispatchPort } from '../ports/dispatch.ts'
import type { LedgerPort } from '../ports/ledger.ts'
import type { LimitsPort } from '../ports/limits.ts'
import type { RecordPort } from '../ports/record.ts'
import { assignmentOf } from './assignment.ts'
import { choose, costOf, hasRoom } from './choice.ts'
import { Directory } from './directory.ts'
import { noteChoice } from './explain.ts'
import { Fairness } from './fairness.ts'
import { Gates } from './gates.ts'
import { Health, isBarred } from './health.ts'
import type { Lane } from './lane.ts'
import { MemoryLimits } from './limits.ts'
import { startMeter, stopMeter } from './metering.ts'
import { findSaver, Saving } from './saving.ts'
import { SentAhead } from './sent-ahead.ts'
import { goesBefore, type Task } from './task.ts'
import { MOST_LENT, Turns } from './turns.ts'
import { SLOW_START_MS, type Worker } from './worker.ts'

export interface PlacementOptions {
  readonly dispatch: DispatchPort
  readonly ledger: LedgerPort
  /** First half of every fence: rises with each start of this balancer. */
  readonly epoch: number
  readonly random: () => number
  /** Ends whatever has reached its deadline or the end of its waiting; asked before a slot is given away. */
  readonly expire?: ((now: number) => void) | undefined
  /** What has waited longer forms a line of its own, by age; 30 s unless given. */
  readonly starvationAfterMs?: number | undefined
  /** Whether the choice rests on measured speed (service-times.ts); true unless given. */
  readonly comparesSpeed?: boolean | undefined
  /** Whether workers are ejected for what they did; true unless given. */
  readonly ejects?: boolean | undefined
  /** Length of a worker's first ejection; 5 s unless given. */
  readonly ejectionMs?: number | undefined
  /** Where permits come from; this balancer's own memory unless given. */
  readonly permits?: LimitsPort | undefined
  /** Asked for which choices it wants to keep; nobody unless given. */
  readonly record?: RecordPort | undefined
}

/** A commit takes a few milliseconds: what is quicker than some of them does not wait for one. */
const QUICK_MS = 20
const FENCES_PER_EPOCH = 0x1_0000_0000
const BLOCK_BASE_MS = 5
const BLOCK_MAX_MS = 1000

export class Placement {
  readonly directory: Directory
  readonly fairness = new Fairness()
  readonly health: Health
  readonly gates: Gates
  /** Attempts under way that have not ended, whoever still waits for them. */
  running = 0
  waiting = 0
  /** Of what waits in memory alone, and of runs that are on disk as well. */
  waitingBytes = 0
  durableBytes = 0
  readonly ahead: SentAhead
  readonly #turns: Turns
  readonly #saving = new Saving()
  readonly #dispatch: DispatchPort
  readonly #ledger: LedgerPort
  readonly #epoch: number
  readonly #expire: (now: number) => void
  readonly #record: RecordPort | undefined
  #attempts = 0

  constructor(options: PlacementOptions) {
    this.#dispatch = options.dispatch
    this.#ledger = options.ledger
    this.#epoch = options.epoch
    this.#expire = options.expire ?? (() => {})
    this.#record = options.record
    this.ahead = new SentAhead(options.dispatch, options.starvationAfterMs)
    this.gates = new Gates(options.permits ?? new MemoryLimits())
    this.#turns = new Turns(this.gates, this.ahead)
    this.health = new Health({
      ejectionMs: options.ejectionMs,
      ejects: options.ejects,
      onChange: (worker, now) => {
        this.refresh(worker, now)
        this.serveWorker(worker, now)
      },
      takeBack: (worker) => {
        for (const task of worker.attempts.values()) this.ahead.recall(task)
      },
    })
    this.directory = new Directory(options.random, options.comparesSpeed)
  }

  /** Sends the task now if a worker has room for it. */
  offer(task: Task, now: number): boolean {
    const lane = task.lane as Lane
    this.#joinFlow(task, lane)
    const head = this.#turns.headOf(lane, now)
    if ((head && goesBefore(head, task)) || !this.#turns.isOpen(task, now)) return false
    const preferred = this.preferredOf(task)
    let worker = choose(lane, task, now, preferred)
    while (worker) {
      const aged = this.#turns.agedTurn(worker, now)
      const next = aged ?? this.#turns.mostUrgentHead(worker, now)
      if (!next || (!aged && !goesBefore(next, task)))
        return this.#mayTake(worker, task) && this.#send(task, worker, now)
      if (worker.free <= 0 && !(aged && this.#mayTake(worker, aged))) return false
      // The slot has just become free, and somebody of another lane has waited for it.
      this.dequeue(next)
      this.#send(next, worker, now)
      if (!this.#turns.isOpen(task, now)) return false
      worker = choose(lane, task, now, preferred)
    }
    return false
  }

  /** The worker that its task would rather have than any other, if it is in the list. */
  preferredOf({ submission: { prefer } }: Task): Worker | undefined {
    return prefer === undefined ? undefined : this.directory.worker(prefer)
  }

  #joinFlow(task: Task, lane: Lane): void {
    task.flow ??= this.fairness.flow(lane.needs.group, task.submission.fairnessKey ?? '')
  }

  /** Puts a task in line; a less urgent one that was sent ahead makes room for it. */
  enqueue(task: Task, now: number): void {
    task.phase = 'waiting'
    task.lane?.push(task)
    if (task.lane) this.#saving.look(task.lane, now)
    this.waiting++
    if (task.submission.isDurable) this.durableBytes += task.bytes
    else this.waitingBytes += task.bytes
    this.ahead.recallLessUrgent(task)
  }

  /** Another priority for a task in line. */
  reprioritise(task: Task, priority: number, now: number): void {
    task.lane?.remove(task)
    task.reprioritise(priority)
    task.lane?.push(task)
    if (task.lane) this.#saving.look(task.lane, now)
    this.ahead.recallLessUrgent(task)
  }

  /** Takes a waiting task out of its line. */
  dequeue(task: Task): void {
    task.lane?.remove(task)
    this.waiting--
    if (task.submission.isDurable) this.durableBytes -= task.bytes
    else this.waitingBytes -= task.bytes
  }

  get nextAt(): number {
    return Math.min(this.health.nextAt, this.#saving.nextAt, this.#turns.gateAt, this.ahead.nextAt)
  }

  tick(now: number): void {
    this.health.tick(now)
    if (now >= this.#turns.gateAt) this.#serveLimited(now)
    for (const task of this.#saving.due(now)) this.#saveUp(task, now)
    this.ahead.takeBackOld(now)
  }

  /** Limits have changed: whoever they held back may go. */
  reopen(now: number): void {
    this.#serveLimited(now)
  }

  #serveLimited(now: number): void {
    this.#turns.close()
    for (const lane of [...this.directory.lanes.values()]) {
      let worker: Worker | undefined
      do {
        const head = this.#turns.headOf(lane, now)
        worker = head && choose(lane, head, now, this.preferredOf(head))
      } while (worker && this.#startNext(worker, now) === 'started')
    }
  }

  /** One worker gets the task before it has the slots for it, and keeps those that come free. */
  #saveUp(task: Task, now: number): void {
    const lane = task.lane as Lane
    if (lane.ahead.size > 0 || !this.#turns.isOpen(task, now)) return
    const saver = findSaver(lane, (worker) => !isBarred(worker, lane.needs.function))
    if (!saver) return
    this.dequeue(task)
    this.#send(task, saver, now)
  }

  /** Gives a worker's room to the most urgent heads of the lanes it serves. */
  serveWorker(worker: Worker, now: number): void {
    this.#expire(now)
    if (this.#turns.isReopened) this.#serveLimited(now)
    if (worker.facts.takesCalls) this.#bringCallsHome(worker, now)
    while (worker.heapIndex >= 0) {
      const next = this.#startNext(worker, now)
      if (next === 'started') continue
      return next ? this.ahead.makeRoom(next) : this.ahead.recallFor(worker)
    }
  }

  /** Sends the worker the one whose turn it is; who finds no room there comes back. */
  #startNext(worker: Worker, now: number): 'started' | Task | undefined {
    const task = this.#turns.agedTurn(worker, now) ?? this.#turns.mostUrgentHead(worker, now)
    if (!task || !this.#mayTake(worker, task)) return task
    this.dequeue(task)
    this.#send(task, worker, now)
    return 'started'
  }

  /**
   * The worker that runs the caller of a task which nobody in service serves: out of service it finishes what it runs,
   * and takes what that calls.
   */
  homeOf({ caller }: Task, lane: Lane): Worker | undefined {
    const worker = caller?.worker
    if (!worker?.facts.takesCalls || worker.trouble || !worker.class) return undefined
    if (!lane.isServedBy(worker.class) || lane.facts.slots > worker.limit) return undefined
    for (const { members } of lane.classes) for (const other of members) if (other.isServing) return undefined
    return worker
  }

  /** Sends the task to the worker of its caller, whatever is free there: its line is nobody else's. */
  bringHome(task: Task, now: number): boolean {
    const worker = task.lane && this.homeOf(task, task.lane)
    if (!worker || worker.blockedUntilAt > now) return false
    this.#joinFlow(task, task.lane as Lane)
    return this.#send(task, worker, now)
  }

  /** What its tasks called waits in vain for somebody in service. */
  #bringCallsHome(worker: Worker, now: number): void {
    for (const { calls } of [...worker.attempts.values()])
      for (const task of calls ?? []) {
        if (task.laneIndex < 0 || !task.lane || this.homeOf(task, task.lane) !== worker) continue
        if (worker.blockedUntilAt > now) return
        this.dequeue(task)
        this.#send(task, worker, now)
      }
  }

  /** A free slot; or room ahead of one, but not for what became old there or is under a rate. */
  #mayTake(worker: Worker, task: Task): boolean {
    if (worker.free >= costOf(task)) return true
    return hasRoom(worker, task) && task.waitedAt !== worker && !this.gates.isRated(task)
  }

  /** The attempt has ended at its worker, one way or another, and its calls before it: its slots are free again. */
  release(task: Task, now: number, neverStarted = false): void {
    const { worker } = task
    if (!worker?.attempts.delete(task.attemptId)) return
    if (task.held) dropHeld(task)
    stopMeter(task, now)
    this.ahead.leave(task)
    this.running--
    worker.own -= task.cost
    const servedMs = task.hasStarted ? task.cost * (now - task.startedAt - task.lentMs) : 0
    task.flow?.give(task.cost, (servedMs - task.chargedMs) / task.weight)
    if (task.permits.length > 0) {
      this.gates.give(task, neverStarted)
      this.#turns.reopen(now)
    }
    task.worker = undefined
    this.#placeAgain(worker, now)
  }

  /** Its handler waits for what it called: others may have its slots, and the permits that are not its function's. */
  lend(task: Task, now: number): void {
    const { worker } = task
    if (!worker || task.lentAt !== undefined) return
    task.lentAt = now
    stopMeter(task, now)
    worker.own -= task.cost
    if (task.lane) task.lane.lent++
    if (this.gates.lend(task)) this.#turns.reopen(now)
    this.#placeAgain(worker, now)
  }

  /**
   * It goes on, whoever has its slots by now: at its worker it has them back before anything that waits, and until
   * then more is reserved here than there are.
   */
  reclaim(task: Task, now: number): void {
    const { worker, lentAt } = task
    if (!worker || lentAt === undefined) return
    task.lentMs += now - lentAt
    task.lentAt = undefined
    if (!task.isSettled) startMeter(task, now)
    worker.own += task.cost
    this.gates.reclaim(task)
    if (task.lane && task.lane.lent-- === MOST_LENT) this.#turns.reopen(now)
    this.#placeAgain(worker, now)
  }

  /** Its free slots have become more or fewer. */
  #placeAgain(worker: Worker, now: number): void {
    if (worker.heapIndex >= 0 || worker.breaker?.state === 'half-open') this.#place(worker, now)
  }

  /** Puts a worker in or out of the choice, as its facts and troubles say. */
  refresh(worker: Worker, now: number): void {
    this.#noteServing(worker, now)
    const isTurned = this.health.count(worker)
    this.#place(worker, now)
    if (isTurned) for (const peer of this.health.peers(worker)) this.#place(peer, now)
    const servingSlots = worker.isServing ? worker.limit : 0
    if (worker.servingSlots === servingSlots) return
    worker.servingSlots = servingSlots
    this.directory.forgetContracts()
  }

  #place(worker: Worker, now: number): void {
    const isAvailable = worker.isServing && worker.blockedUntilAt <= now && this.health.admits(worker)
    worker.class?.place(worker, isAvailable)
  }

  /** Whoever comes into service while others are warm takes its share by and by. */
  #noteServing(worker: Worker, now: number): void {
    if (!worker.isServing || worker.breaker?.state === 'open') worker.servingSinceAt = undefined
    else if (worker.servingSinceAt === undefined) {
      if (this.directory.hasServing(worker.facts.group, now - SLOW_START_MS)) worker.startSlowly(now)
      worker.servingSinceAt = now
    }
  }

  /** The worker said BUSY though it looked free: leave it alone for a round trip, longer each time. */
  block(worker: Worker, now: number): void {
    if (worker.blockedUntilAt > now) return
    const base = Math.max(worker.roundTripMs ?? 0, BLOCK_BASE_MS)
    worker.blockedUntilAt = now + Math.min(base * 2 ** worker.busyStreak, BLOCK_MAX_MS)
    worker.busyStreak = Math.min(worker.busyStreak + 1, 16)
    this.refresh(worker, now)
  }

  #send(task: Task, worker: Worker, now: number): true {
    task.cost = costOf(task)
    const isAhead = worker.free < task.cost
    const isOld = this.ahead.isOld(task, now)
    // At the worker, too, nobody may overtake it any more.
    if (isOld && isAhead) task.urgency = 1
    task.choice = this.#record?.wantsChoice(now) ? noteChoice(task, worker, now) : undefined
    task.lane?.starts.note(now)
    task.attemptId = this.newAttemptId()
    task.fence = this.#epoch * FENCES_PER_EPOCH + task.attemptId
    this.#reserve(task, worker, isAhead, now)
    this.gates.take(task, now)
    this.#turns.noteTurn(task, worker)
    if (isAhead) this.ahead.add(task, worker, isOld)
    if (worker.heapIndex >= 0) worker.class?.place(worker, this.health.admits(worker))
    if (task.submission.isDurable) this.#sendDurable(task, worker, now)
    else this.#dispatch.send(assignmentOf(task, worker, now))
    return true
  }

  /** What is quick and may be repeated is sent at once; the rest when the disk says where it is. */
  #sendDurable(task: Task, worker: Worker, now: number): void {
    const assignment = assignmentOf(task, worker, now)
    if (isWrittenFirst(task)) {
      task.held = assignment
      worker.held++
      this.#ledger.writeFirst(task, worker.id, task.attemptId)
    } else {
      this.#ledger.moved(task)
      this.#dispatch.send(assignment)
    }
  }

  /** The disk says where the run is; false when nobody wants it there any more. */
  sendHeld(task: Task, now: number): boolean {
    const { held } = task
    dropHeld(task)
    if (task.phase === 'orphan' || task.isRecalled) return false
    // In doubt it stays, unsent, until the next hello says that it never started.
    if (!held || task.phase !== 'sent') return true
    task.sentAt = now
    this.#dispatch.send(held)
    return true
  }

  /** Names an attempt on its way over the links. */
  newAttemptId(): number {
    this.#attempts = (this.#attempts + 1) % FENCES_PER_EPOCH || 1
    return this.#attempts
  }

  /** An attempt of an earlier balancer goes on at a worker: it has its slots and permits from now on, and nothing is sent. */
  adopt(task: Task, worker: Worker, fence: number, now: number): void {
    this.#joinFlow(task, task.lane as Lane)
    task.cost = costOf(task)
    task.attemptId = this.newAttemptId()
    task.fence = fence
    this.#reserve(task, worker, false, now)
    this.gates.adopt(task)
    this.#ledger.moved(task)
  }

  #reserve(task: Task, worker: Worker, isAhead: boolean, now: number): void {
    task.worker = worker
    task.phase = 'sent'
    task.hasStarted = false
    task.isAhead = isAhead
    task.isRecalled = false
    task.waitedAt = undefined
    task.endsUntilAt = undefined
    task.lentMs = 0
    task.isCold = undefined
    task.sentAt = now
    if (task.lane) this.#saving.look(task.lane, now)
    worker.attempts.set(task.attemptId, task)
    worker.own += task.cost
    task.chargedMs = task.cost * (task.lane?.times.medianMs || 1)
    task.weight = task.flow?.weightFor(task.submission.function) ?? 1
    task.flow?.take(task.cost, task.chargedMs / task.weight)
    this.running++
  }
}

/**
 * A balancer and a worker that die together leave the disk as the only witness of what was running. Of a run that may
 * not be repeated it must know; of others it shall, where the wait for it is little beside the run.
 */
function isWrittenFirst({ submission, lane }: Task): boolean {
  if (submission.isWrittenFirst) return true
  const mayRepeat = (submission.idempotent ?? lane?.facts.idempotent) !== false && submission.attempts !== 1
  const medianMs = lane?.times.medianMs || Number.POSITIVE_INFINITY
  return !mayRepeat || medianMs >= QUICK_MS
}

function dropHeld(task: Task): void {
  task.held = undefined
  if (task.worker) task.worker.held--
}
