/**
 * Which task goes to which worker, and when: the only place that reserves and releases slots. Called
 * by the scheduler on every event that frees a slot or brings a task. Late binding: a task is sent
 * when a slot is free for it, or just before (`ahead`), where the round trip would leave it idle.
 *
 * Invariant: a lane has waiting tasks only while no worker that serves it has a free slot.
 */
import type { DispatchPort } from '../ports/dispatch.ts'
import { Directory } from './directory.ts'
import type { Lane } from './lane.ts'
import { isMoreUrgent, type Task } from './task.ts'
import type { Worker } from './worker.ts'
import { ranksBefore } from './worker-class.ts'

export interface PlacementOptions {
  readonly dispatch: DispatchPort
  /** First half of every fence: rises with each start of this balancer. */
  readonly epoch: number
  readonly random: () => number
}

const FENCES_PER_EPOCH = 0x1_0000_0000
const BLOCK_BASE_MS = 5
const BLOCK_MAX_MS = 1000

export class Placement {
  readonly directory: Directory
  /** Attempts under way that have not ended, whoever still waits for them. */
  running = 0
  waiting = 0
  waitingBytes = 0
  readonly #dispatch: DispatchPort
  readonly #epoch: number
  #attempts = 0

  constructor(options: PlacementOptions) {
    this.#dispatch = options.dispatch
    this.#epoch = options.epoch
    this.directory = new Directory(options.random)
  }

  /** Sends the task now if a worker has room for it. */
  offer(task: Task, now: number): boolean {
    const lane = task.lane as Lane
    if (lane.head && isMoreUrgent(lane.head, task)) return false
    const best = bestOf(lane)
    if (!best) return false
    if (best.free >= task.cost) return this.#send(task, best, false, now)
    const roomy = best.free > 0 ? findRoom(lane, task.cost) : undefined
    if (roomy) return this.#send(task, roomy, false, now)
    if (!best.hasAheadRoom(lane.needs.function, task.cost, task.bytes)) return false
    const next = mostUrgentHead(best)
    if (next && isMoreUrgent(next, task)) return false
    return this.#send(task, best, true, now)
  }

  /** Puts a task in line. */
  enqueue(task: Task): void {
    task.phase = 'waiting'
    task.lane?.push(task)
    this.waiting++
    this.waitingBytes += task.bytes
  }

  /** Takes a waiting task out of its line. */
  dequeue(task: Task): void {
    task.lane?.remove(task)
    this.waiting--
    this.waitingBytes -= task.bytes
  }

  /** Places what waits in a lane while anybody has room. */
  serveLane(lane: Lane, now: number): void {
    for (let head = lane.head; head; head = lane.head) {
      this.dequeue(head)
      if (this.offer(head, now)) continue
      this.enqueue(head)
      return
    }
  }

  /** Gives a worker's room to the most urgent heads of the lanes it serves. */
  serveWorker(worker: Worker, now: number): void {
    while (worker.heapIndex >= 0) {
      const task = mostUrgentHead(worker)
      if (!task) return this.#recallFor(worker)
      const isAhead = worker.free < task.cost
      const name = task.lane?.needs.function ?? ''
      if (isAhead && !worker.hasAheadRoom(name, task.cost, task.bytes)) return
      this.dequeue(task)
      this.#send(task, worker, isAhead, now)
    }
  }

  /** The attempt has ended at its worker, one way or another: its slots are free again. */
  release(task: Task): void {
    const { worker } = task
    if (!worker?.attempts.delete(task.attemptId)) return
    this.leaveAhead(task)
    this.running--
    worker.own -= task.cost
    task.worker = undefined
    if (worker.heapIndex >= 0) worker.class?.place(worker, true)
  }

  /** A task sent ahead has started, come back or ended. */
  leaveAhead(task: Task): void {
    if (!task.isAhead) return
    task.isAhead = false
    task.lane?.ahead.delete(task)
    if (task.worker) task.worker.aheadBytes -= task.bytes
    if (!task.isRecalled) return
    task.isRecalled = false
    if (task.lane) task.lane.recallsOpen--
  }

  /** Asks a task that was sent ahead back, unless that was asked already. */
  recall(task: Task): void {
    if (!task.isAhead || task.isRecalled || !task.worker || !task.lane) return
    task.isRecalled = true
    task.lane.recallsOpen++
    this.#dispatch.recall(task.worker.id, task.attemptId)
  }

  /** Puts a worker in or out of the choice, as its facts and troubles say. */
  refresh(worker: Worker, now: number): void {
    worker.class?.place(worker, worker.isServing && worker.blockedUntilAt <= now)
    this.directory.forgetContracts()
  }

  /** The worker said BUSY though it looked free: leave it alone for a round trip, longer each time. */
  block(worker: Worker, now: number): void {
    const base = Math.max(worker.roundTripMs ?? 0, BLOCK_BASE_MS)
    worker.blockedUntilAt = now + Math.min(base * 2 ** worker.busyStreak, BLOCK_MAX_MS)
    worker.busyStreak = Math.min(worker.busyStreak + 1, 16)
    this.refresh(worker, now)
  }

  #send(task: Task, worker: Worker, isAhead: boolean, now: number): true {
    this.#attempts = (this.#attempts + 1) % FENCES_PER_EPOCH || 1
    task.attemptId = this.#attempts
    task.fence = this.#epoch * FENCES_PER_EPOCH + this.#attempts
    task.worker = worker
    task.phase = 'sent'
    task.hasStarted = false
    task.isAhead = isAhead
    task.isRecalled = false
    task.sentAt = now
    worker.attempts.set(task.attemptId, task)
    worker.own += task.cost
    this.running++
    if (isAhead) {
      task.lane?.ahead.add(task)
      worker.aheadBytes += task.bytes
    }
    worker.class?.place(worker, true)
    this.#dispatch.send(assignmentOf(task, worker, now))
    return true
  }

  /** A slot is free here and nothing waits: take back what waits in line at another worker. */
  #recallFor(worker: Worker): void {
    if (worker.free <= 0 || !worker.class) return
    for (const lane of worker.class.lanes) {
      if (lane.ahead.size === 0 || lane.recallsOpen >= worker.free) continue
      const newest = newestElsewhere(lane, worker)
      if (newest) return this.recall(newest)
    }
  }
}

/** The best worker over all classes that serve a lane. */
function bestOf(lane: Lane): Worker | undefined {
  let best: Worker | undefined
  for (const serving of lane.classes) {
    const candidate = serving.best
    if (candidate && (!best || ranksBefore(candidate, best))) best = candidate
  }
  return best
}

/** For tasks of several slots, when the least occupied worker has too few left. */
function findRoom(lane: Lane, cost: number): Worker | undefined {
  let found: Worker | undefined
  for (const serving of lane.classes)
    for (const worker of serving.inService)
      if (worker.free >= cost && (!found || ranksBefore(worker, found))) found = worker
  return found
}

function mostUrgentHead(worker: Worker): Task | undefined {
  let found: Task | undefined
  for (const lane of worker.class?.waitingLanes ?? []) {
    const { head } = lane
    if (head && (!found || isMoreUrgent(head, found))) found = head
  }
  return found
}

function newestElsewhere(lane: Lane, worker: Worker): Task | undefined {
  let found: Task | undefined
  for (const task of lane.ahead) if (task.worker !== worker && !task.isRecalled) found = task
  return found
}

function assignmentOf(task: Task, worker: Worker, now: number): Parameters<DispatchPort['send']>[0] {
  const { submission } = task
  const remainingMs = submission.deadlineAt - now
  return {
    worker: worker.id,
    attemptId: task.attemptId,
    run: submission.run,
    fence: task.fence,
    function: submission.function,
    contract: task.lane?.needs.contract ?? 0,
    priority: submission.priority,
    attempt: task.attempts + 1,
    mode: submission.mode,
    isDurable: submission.isDurable,
    isAhead: task.isAhead,
    used: worker.used,
    limit: worker.limit,
    remainingMs: remainingMs === Number.POSITIVE_INFINITY ? null : Math.max(0, remainingMs),
    timeoutMs: submission.timeoutMs ?? null,
    trace: submission.trace,
    payload: submission.payload,
  }
}
