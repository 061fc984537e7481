/**
 * Which task goes to which worker, and when: the only place that reserves and releases slots. Called
 * by the scheduler on every event that frees a slot or brings a task. Late binding: a task is sent
 * when a slot is free for it, or just before (`ahead`), where the round trip would leave it idle.
 *
 * Invariant: a lane has waiting tasks only while no worker in service that could ever hold one of them
 * has a free slot.
 */
import type { DispatchPort } from '../ports/dispatch.ts'
import type { RecordPort } from '../ports/record.ts'
import type { LimitsPort } from '../ports/scheduling.ts'
import { AheadLine } from './ahead-line.ts'
import { choose, costOf, hasRoom, mayServe } from './choice.ts'
import { Directory } from './directory.ts'
import { noteChoice } from './explain.ts'
import { Fairness } from './fairness.ts'
import { Gates } from './gates.ts'
import { Health, isBarred } from './health.ts'
import type { Lane } from './lane.ts'
import { MemoryLimits } from './limits.ts'
import { findSaver, Saving } from './saving.ts'
import { goesBefore, type Task } from './task.ts'
import { SLOW_START_MS, type Worker } from './worker.ts'

export interface PlacementOptions {
  readonly dispatch: DispatchPort
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

const FENCES_PER_EPOCH = 0x1_0000_0000
const STARVATION_AFTER_MS = 30_000
/** Every so many-th start goes to those who have waited too long. */
const AGED_TURN = 8
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
  waitingBytes = 0
  /** Lanes with tasks ahead that were not asked back. */
  readonly #aheadLanes = new Set<Lane>()
  readonly #saving = new Saving()
  readonly #aheadLine: AheadLine
  readonly #dispatch: DispatchPort
  readonly #epoch: number
  readonly #expire: (now: number) => void
  readonly #record: RecordPort | undefined
  #attempts = 0
  /** When a limit that holds somebody back may open. */
  #gateAt = Number.POSITIVE_INFINITY
  /** Whose turn by age it is. */
  #granted: Task | undefined
  /** Permits came back: somebody of any lane may go now. */
  #isReopened = false

  constructor(options: PlacementOptions) {
    this.#dispatch = options.dispatch
    this.#epoch = options.epoch
    this.#expire = options.expire ?? (() => {})
    this.#record = options.record
    this.#aheadLine = new AheadLine(options.starvationAfterMs ?? STARVATION_AFTER_MS)
    this.gates = new Gates(options.permits ?? new MemoryLimits())
    this.health = new Health({
      ejectionMs: options.ejectionMs,
      ejects: options.ejects,
      onChange: (worker, now) => {
        this.refresh(worker, now)
        this.serveWorker(worker, now)
      },
      takeBack: (worker) => {
        for (const task of worker.attempts.values()) this.recall(task)
      },
    })
    this.directory = new Directory(options.random, options.comparesSpeed)
  }

  /** Sends the task now if a worker has room for it. */
  offer(task: Task, now: number): boolean {
    const lane = task.lane as Lane
    task.flow ??= this.fairness.flow(lane.needs.group, task.submission.fairnessKey ?? '')
    const head = this.#headOf(lane, now)
    if ((head && goesBefore(head, task)) || !this.#isOpen(task, now)) return false
    for (let worker = choose(lane, task, now); worker; worker = choose(lane, task, now)) {
      const aged = this.#agedTurn(worker, now)
      const next = aged ?? this.#mostUrgentHead(worker, now)
      if (!next || (!aged && !goesBefore(next, task)))
        return this.#mayTake(worker, task) && this.#send(task, worker, now)
      if (worker.free <= 0 && !(aged && this.#mayTake(worker, aged))) return false
      // The slot has just become free, and somebody of another lane has waited for it.
      this.dequeue(next)
      this.#send(next, worker, now)
      if (!this.#isOpen(task, now)) return false
    }
    return false
  }

  /** Puts a task in line; a less urgent one that was sent ahead makes room for it. */
  enqueue(task: Task, now: number): void {
    task.phase = 'waiting'
    task.lane?.push(task)
    if (task.lane) this.#saving.look(task.lane, now)
    this.waiting++
    this.waitingBytes += task.bytes
    this.#recallLessUrgent(task)
  }

  /** Another priority for a task in line. */
  reprioritise(task: Task, priority: number, now: number): void {
    task.lane?.remove(task)
    task.reprioritise(priority)
    task.lane?.push(task)
    if (task.lane) this.#saving.look(task.lane, now)
    this.#recallLessUrgent(task)
  }

  /** Takes a waiting task out of its line. */
  dequeue(task: Task): void {
    task.lane?.remove(task)
    this.waiting--
    this.waitingBytes -= task.bytes
  }

  get nextAt(): number {
    return Math.min(this.health.nextAt, this.#saving.nextAt, this.#gateAt, this.#aheadLine.nextAt)
  }

  tick(now: number): void {
    this.health.tick(now)
    if (now >= this.#gateAt) this.#serveLimited(now)
    for (const task of this.#saving.due(now)) this.#saveUp(task, now)
    if (now >= this.#aheadLine.nextAt) this.#takeBackOld(now)
  }

  /** Who has become old at a worker waits for the first free slot anywhere. */
  #takeBackOld(now: number): void {
    for (const task of this.#aheadLine.takeOld(now)) {
      task.waitedAt = task.worker
      this.recall(task)
    }
  }

  /** Limits have changed: whoever they held back may go. */
  reopen(now: number): void {
    this.#serveLimited(now)
  }

  #serveLimited(now: number): void {
    this.#isReopened = false
    this.#gateAt = Number.POSITIVE_INFINITY
    for (const lane of [...this.directory.lanes.values()]) {
      let worker: Worker | undefined
      do {
        const head = this.#headOf(lane, now)
        worker = head && choose(lane, head, now)
      } while (worker && this.#startNext(worker, now) === 'started')
    }
  }

  /** The first of a lane that no limit holds back. */
  #headOf(lane: Lane, now: number): Task | undefined {
    const { head } = lane
    if (!head || this.#isOpen(head, now)) return head
    if (this.gates.sharedOpenAt(head, now) > now) return undefined
    return lane.findHead((other) => this.#isOpen(other, now))
  }

  #isOpen(task: Task, now: number): boolean {
    if (!this.gates.areAnySet) return true
    const at = this.gates.openAt(task, now)
    if (at > now) this.#gateAt = Math.min(this.#gateAt, at)
    return at <= now
  }

  /** The most urgent of those who wait for a slot of this worker and can have it. */
  #mostUrgentHead(worker: Worker, now: number): Task | undefined {
    let found: Task | undefined
    for (const lane of worker.class?.waitingLanes ?? []) {
      if (!mayServe(worker, lane)) continue
      const head = this.#headOf(lane, now)
      if (head && (!found || goesBefore(head, found))) found = head
    }
    return found
  }

  /** One worker gets the task before it has the slots for it, and keeps those that come free. */
  #saveUp(task: Task, now: number): void {
    const lane = task.lane as Lane
    if (lane.ahead.size > 0 || !this.#isOpen(task, now)) return
    const saver = findSaver(lane, (worker) => !isBarred(worker, lane.needs.function))
    if (!saver) return
    this.dequeue(task)
    this.#send(task, saver, now)
  }

  /** Gives a worker's room to the most urgent heads of the lanes it serves. */
  serveWorker(worker: Worker, now: number): void {
    this.#expire(now)
    if (this.#isReopened) this.#serveLimited(now)
    while (worker.heapIndex >= 0) {
      const next = this.#startNext(worker, now)
      if (next === 'started') continue
      return next ? this.#makeRoom(next) : this.#recallFor(worker)
    }
  }

  /** Sends the worker the one whose turn it is; who finds no room there comes back. */
  #startNext(worker: Worker, now: number): 'started' | Task | undefined {
    const task = this.#agedTurn(worker, now) ?? this.#mostUrgentHead(worker, now)
    if (!task || !this.#mayTake(worker, task)) return task
    this.dequeue(task)
    this.#send(task, worker, now)
    return 'started'
  }

  /** A free slot; or room ahead of one, but not for what became old there or is under a rate. */
  #mayTake(worker: Worker, task: Task): boolean {
    if (worker.free >= costOf(task)) return true
    return hasRoom(worker, task) && task.waitedAt !== worker && !this.gates.isRated(task)
  }

  /** Who has waited too long, if the next start of this worker's class is theirs. */
  #agedTurn(worker: Worker, now: number): Task | undefined {
    const { passedOver = 0, waitingLanes = [] } = worker.class ?? {}
    if (passedOver < AGED_TURN - 1) return undefined
    let found: Task | undefined
    for (const lane of waitingLanes) {
      const oldest = mayServe(worker, lane) ? this.#oldestOf(lane, now) : undefined
      if (oldest && (!found || oldest.waitsSinceAt < found.waitsSinceAt)) found = oldest
    }
    // At the worker, too, nobody may overtake it any more.
    if (found) this.#grantTurn(found)
    this.#granted = found
    return found
  }

  /** The one of a lane that has waited longest, and too long, of those that no limit holds back. */
  #oldestOf(lane: Lane, now: number): Task | undefined {
    const { oldest } = lane
    if (!oldest || !this.#aheadLine.isOld(oldest, now)) return undefined
    if (this.#isOpen(oldest, now)) return oldest
    if (this.gates.sharedOpenAt(oldest, now) > now) return undefined
    // Nobody needs to look further than to the first who is not old.
    const found = lane.findOldest((other) => !this.#aheadLine.isOld(other, now) || this.#isOpen(other, now))
    return found && this.#aheadLine.isOld(found, now) ? found : undefined
  }

  /** Its place in every order is that of the most urgent from now on. */
  #grantTurn(task: Task): void {
    if (task.urgency === 1) return
    task.lane?.remove(task)
    task.urgency = 1
    task.lane?.push(task)
  }

  /** The attempt has ended at its worker, one way or another, and its calls before it: its slots are free again. */
  release(task: Task, now: number, neverStarted = false): void {
    const { worker } = task
    if (!worker?.attempts.delete(task.attemptId)) return
    this.leaveAhead(task)
    this.running--
    worker.own -= task.cost
    const servedMs = task.hasStarted ? task.cost * (now - task.startedAt - task.lentMs) : 0
    task.flow?.give(task.cost, (servedMs - task.chargedMs) / task.weight)
    if (task.permits.length > 0) {
      this.gates.give(task, neverStarted)
      this.#isReopened = true
      // Where no worker is served after this, as when its own is lost, the next tick looks.
      this.#gateAt = now
    }
    task.worker = undefined
    this.#placeAgain(worker, now)
  }

  /** Its handler waits for what it called: others may have its slots, and the permits that are not its function's. */
  lend(task: Task, now: number): void {
    const { worker } = task
    if (!worker || task.lentAt !== undefined) return
    task.lentAt = now
    worker.own -= task.cost
    if (this.gates.lend(task)) {
      this.#isReopened = true
      this.#gateAt = now
    }
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
    worker.own += task.cost
    this.gates.reclaim(task)
    this.#placeAgain(worker, now)
  }

  /** Its free slots have become more or fewer. */
  #placeAgain(worker: Worker, now: number): void {
    if (worker.heapIndex >= 0 || worker.breaker?.state === 'half-open') this.#place(worker, now)
  }

  /** A task sent ahead has started, come back or ended. */
  leaveAhead(task: Task): void {
    const { lane, worker } = task
    if (!task.isAhead || !lane) return
    task.isAhead = false
    task.isRecalled = false
    if (worker) worker.aheadBytes -= task.bytes
    this.disregardAhead(task)
  }

  /** Asks a task that was sent ahead back, unless that was asked already. */
  recall(task: Task): void {
    if (!task.isAhead || task.isRecalled || !task.worker || !task.lane) return
    task.isRecalled = true
    this.disregardAhead(task)
    if (!task.worker.trouble) {
      task.isRecallOpen = true
      task.lane.recallsOpen++
    }
    this.#dispatch.recall(task.worker.id, task.attemptId)
  }

  /** Nothing will be asked of this task's worker for now, and no answer of it is waited for. */
  disregardAhead(task: Task): void {
    const { lane } = task
    if (!lane) return
    lane.ahead.remove(task)
    this.#aheadLine.remove(task)
    if (lane.ahead.size === 0) this.#aheadLanes.delete(lane)
    if (task.isRecallOpen) lane.recallsOpen--
    task.isRecallOpen = false
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
    const isOld = this.#aheadLine.isOld(task, now)
    // At the worker, too, nobody may overtake it any more.
    if (isOld && isAhead) task.urgency = 1
    task.choice = this.#record?.wantsChoice(now) ? noteChoice(task, worker, now) : undefined
    task.lane?.starts.note(now)
    this.#attempts = (this.#attempts + 1) % FENCES_PER_EPOCH || 1
    task.attemptId = this.#attempts
    task.fence = this.#epoch * FENCES_PER_EPOCH + this.#attempts
    task.worker = worker
    task.phase = 'sent'
    task.hasStarted = false
    task.isAhead = isAhead
    task.isRecalled = false
    task.waitedAt = undefined
    task.endsUntilAt = undefined
    task.lentMs = 0
    task.sentAt = now
    if (task.lane) this.#saving.look(task.lane, now)
    worker.attempts.set(task.attemptId, task)
    worker.own += task.cost
    task.chargedMs = task.cost * (task.lane?.times.medianMs || 1)
    task.weight = task.flow?.weightFor(task.submission.function) ?? 1
    task.flow?.take(task.cost, task.chargedMs / task.weight)
    this.gates.take(task, now)
    this.#noteTurn(task, worker)
    this.running++
    if (isAhead && task.lane) {
      task.lane.ahead.add(task)
      if (!isOld) this.#aheadLine.add(task)
      this.#aheadLanes.add(task.lane)
      worker.aheadBytes += task.bytes
    }
    worker.class?.place(worker, this.health.admits(worker))
    this.#dispatch.send(assignmentOf(task, worker, now))
    return true
  }

  #noteTurn(task: Task, worker: Worker): void {
    if (!worker.class) return
    // One that is old but goes by its own urgency leaves the turn to the oldest.
    const isTurn = task === this.#granted
    worker.class.passedOver = isTurn ? 0 : Math.min(worker.class.passedOver + 1, AGED_TURN)
  }

  /** The room that was made for a task may have gone to another lane: one recall is always under way. */
  #makeRoom(task: Task): void {
    if (task.lane?.recallsOpen === 0) this.#recallLessUrgent(task)
  }

  #recallLessUrgent(task: Task): void {
    const least = task.lane?.ahead.first
    if (least && least.urgency > task.urgency) this.recall(least)
  }

  /** A slot is free here and nothing waits: take back what waits in line at another worker. */
  #recallFor(worker: Worker): void {
    if (worker.free <= 0 || !worker.class) return
    for (const lane of this.#aheadLanes) {
      if (lane.recallsOpen >= worker.free || !lane.classes.has(worker.class)) continue
      const wanted = mostWantedElsewhere(lane, worker)
      if (wanted) return this.recall(wanted)
    }
  }
}

/** Of the tasks ahead at other workers, the one to have a free slot here: by priority, then the newest. */
function mostWantedElsewhere(lane: Lane, worker: Worker): Task | undefined {
  let found: Task | undefined
  for (const task of lane.ahead.members) {
    if (task.worker === worker || costOf(task) > worker.free || task.phase === 'orphan') continue
    if (!found || isMoreWanted(task, found)) found = task
  }
  return found
}

function isMoreWanted(a: Task, b: Task): boolean {
  const difference = a.urgency - b.urgency
  return difference !== 0 ? difference < 0 : a.seq > b.seq
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
    priority: task.urgency,
    attempt: task.attempts + 1,
    mode: submission.mode,
    isDurable: submission.isDurable,
    isAhead: task.isAhead,
    used: worker.used,
    limit: worker.limit,
    remainingMs: remainingMs === Number.POSITIVE_INFINITY ? null : Math.max(0, remainingMs),
    timeoutMs: submission.timeoutMs ?? null,
    trace: submission.trace,
    callers: submission.call?.callers,
    payload: submission.payload,
  }
}
