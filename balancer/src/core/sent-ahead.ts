/**
 * What was sent to workers before a slot was free for it: who is asked back, for whom, and when. Kept by
 * placement.ts, which alone reserves; the answers (STARTED, RECALLED, END) come back through it.
 * Invariant: each lane's `ahead` holds exactly the tasks ahead that were not asked back and whose worker
 * is not in trouble.
 */
import type { DispatchPort } from '../ports/dispatch.ts'
import { AheadLine } from './ahead-line.ts'
import { costOf } from './choice.ts'
import type { Lane } from './lane.ts'
import { stoodBefore, type Task } from './task.ts'
import type { Worker } from './worker.ts'

const STARVATION_AFTER_MS = 30_000

export class SentAhead {
  readonly #dispatch: DispatchPort
  readonly #line: AheadLine
  /** Lanes with tasks ahead that were not asked back. */
  readonly #lanes = new Set<Lane>()

  /** What has waited longer than `starvationAfterMs`, 30 s unless given, is old. */
  constructor(dispatch: DispatchPort, starvationAfterMs = STARVATION_AFTER_MS) {
    this.#dispatch = dispatch
    this.#line = new AheadLine(starvationAfterMs)
  }

  /** It has waited so long that it has a turn by age. */
  isOld(task: Task, now: number): boolean {
    return this.#line.isOld(task, now)
  }

  /** When the next one becomes old at its worker. */
  get nextAt(): number {
    return this.#line.nextAt
  }

  /** The task has just been sent; one that was old already is not asked back for that. */
  add(task: Task, worker: Worker, isOld: boolean): void {
    if (!task.lane) return
    task.lane.ahead.add(task)
    if (!isOld) this.#line.add(task)
    this.#lanes.add(task.lane)
    worker.aheadBytes += task.bytes
  }

  /** A task sent ahead has started, come back or ended. */
  leave(task: Task): void {
    const { lane, worker } = task
    if (!task.isAhead || !lane) return
    task.isAhead = false
    task.isRecalled = false
    if (worker) worker.aheadBytes -= task.bytes
    this.disregard(task)
  }

  /** Asks a task that was sent ahead back, unless that was asked already. */
  recall(task: Task): void {
    if (!task.isAhead || task.isRecalled || !task.worker || !task.lane) return
    task.isRecalled = true
    this.disregard(task)
    if (!task.worker.trouble) {
      task.isRecallOpen = true
      task.lane.recallsOpen++
    }
    if (task.held) return
    this.#dispatch.recall(task.worker.id, task.attemptId)
  }

  /** Nothing will be asked of this task's worker for now, and no answer of it is waited for. */
  disregard(task: Task): void {
    const { lane } = task
    if (!lane) return
    lane.ahead.remove(task)
    this.#line.remove(task)
    if (lane.ahead.size === 0) this.#lanes.delete(lane)
    if (task.isRecallOpen) lane.recallsOpen--
    task.isRecallOpen = false
  }

  /** Who has become old at a worker waits for the first free slot anywhere. */
  takeBackOld(now: number): void {
    if (now < this.#line.nextAt) return
    for (const task of this.#line.takeOld(now)) {
      task.waitedAt = task.worker
      this.recall(task)
    }
  }

  /** The room that was made for a task may have gone to another lane: one recall is always under way. */
  makeRoom(task: Task): void {
    if (task.lane?.recallsOpen === 0) this.recallLessUrgent(task)
  }

  /** A more urgent one has to wait: the least urgent of its lane makes room. */
  recallLessUrgent(task: Task): void {
    const least = task.lane?.ahead.first
    if (least && least.urgency > task.urgency) this.recall(least)
  }

  /** A slot is free here and nothing waits: take back what waits in line at another worker. */
  recallFor(worker: Worker): void {
    if (worker.free <= 0 || !worker.class) return
    for (const lane of this.#lanes) {
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
  return difference !== 0 ? difference < 0 : stoodBefore(b, a)
}
