/**
 * The part of the waiting runs on disk that stands in memory: the most urgent of each lane, in their
 * order. Used by lifecycle.ts. The invariant: what a lane has on disk beyond its window is less
 * urgent than all that its window holds, so a new arrival behind the window goes to disk as well.
 */
import type { LedgerPort } from '../ports/ledger.ts'
import type { Lane } from './lane.ts'
import type { Placement } from './placement.ts'
import { isMoreUrgent, type Task } from './task.ts'

export interface DiskWindowOptions {
  readonly placement: Placement
  readonly ledger: LedgerPort
  /** The task is on disk only from now on. */
  readonly forget: (task: Task) => void
}

/** Durable runs of one lane that wait in memory; the rest stays on disk until there is room. */
export const WINDOW = 1_000

export class DiskWindow {
  readonly #options: DiskWindowOptions

  constructor(options: DiskWindowOptions) {
    this.#options = options
  }

  /**
   * Whether a durable task may wait in memory; makes room by pushing back a less urgent one.
   * `isFresh`: it did not come from the disk, so others may stand before it there.
   */
  admits(task: Task, isFresh: boolean): boolean {
    const lane = task.lane as Lane
    const isFull = lane.durables.size >= WINDOW
    if (!isFull && !(isFresh && lane.hasMoreOnDisk)) return true
    const last = lane.durables.first
    if (!last || !isMoreUrgent(task, last)) return false
    if (isFull) this.pushBack(last)
    return true
  }

  /** Leaves a task to the disk, from which it comes back when there is room. */
  pushBack(task: Task): void {
    const lane = task.lane as Lane
    if (task.laneIndex >= 0) this.#options.placement.dequeue(task)
    lane.hasMoreOnDisk = true
    this.#options.forget(task)
  }

  /** Asks for more of a lane once half its window is free. */
  refill(lane: Lane): void {
    if (!lane.hasMoreOnDisk || lane.isClaiming || lane.durables.size > WINDOW / 2) return
    lane.isClaiming = true
    this.#options.ledger.claim(lane.key, WINDOW - lane.durables.size)
  }

  /** The answer to a claim has come; `hasMore` counts only beside runs, or one would ask for ever. */
  refilled(lane: Lane, count: number, hasMore: boolean): void {
    lane.isClaiming = false
    lane.hasMoreOnDisk = hasMore && count > 0
  }
}
