/**
 * The part of the waiting runs on disk that stands in memory: the most urgent of each lane, in their
 * order. Used by intake.ts and lifecycle.ts. The invariant: what a lane has on disk beyond its window is less
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
  /** Durable runs of one lane that wait in memory; WINDOW unless given. */
  readonly size?: number | undefined
}

/** Durable runs of one lane that wait in memory; the rest stays on disk until there is room. */
export const WINDOW = 1_000
/** Inputs of all that waits so; beyond it a lane keeps one run in memory. */
const WINDOW_BYTES = 128 * 1024 * 1024

export class DiskWindow {
  readonly #options: DiskWindowOptions
  /** Have runs on disk and are not asked for them yet. */
  readonly #asleep = new Set<Lane>()
  readonly #size: number
  #state: 'starting' | 'open' | 'closed' = 'starting'

  constructor(options: DiskWindowOptions) {
    this.#options = options
    this.#size = options.size ?? WINDOW
  }

  /** Nothing leaves the disk any more, and what would wait goes there. */
  get isClosed(): boolean {
    return this.#state === 'closed'
  }

  /** The fleet has answered: from now on lanes are filled from the disk. */
  open(): void {
    if (this.#state === 'starting') this.#state = 'open'
    this.wake()
  }

  close(): void {
    this.#state = 'closed'
  }

  /** Whether a task may go before all that its lane has on disk, which nobody has looked at. */
  mayGo(task: Task): boolean {
    const { durables, hasMoreOnDisk } = task.lane as Lane
    if (!hasMoreOnDisk) return true
    const last = durables.first
    return last !== undefined && isMoreUrgent(task, last)
  }

  /**
   * Whether a durable task may wait in memory; makes room by pushing back a less urgent one.
   * `isFresh`: it did not come from the disk, so others may stand before it there.
   */
  admits(task: Task, isFresh: boolean): boolean {
    const lane = task.lane as Lane
    const isFull = this.#isFull(lane, task.bytes)
    if (!isFull && !(isFresh && lane.hasMoreOnDisk)) return true
    const last = lane.durables.first
    if (!last || !isMoreUrgent(task, last)) return false
    if (isFull) this.pushBack(last)
    return true
  }

  #isFull({ durables }: Lane, bytes: number): boolean {
    if (durables.size >= this.#size) return true
    return durables.size > 0 && this.#options.placement.durableBytes + bytes > WINDOW_BYTES
  }

  /** Leaves a task to the disk, from which it comes back when there is room. */
  pushBack(task: Task): void {
    const lane = task.lane as Lane
    if (task.laneIndex >= 0) this.#options.placement.dequeue(task)
    lane.hasMoreOnDisk = true
    task.phase = 'waiting'
    // First: whoever asks the disk again must find it there.
    this.#options.ledger.pushedBack(task, lane.key)
    this.#options.forget(task)
  }

  /** A lane has runs on disk that nobody has seen. */
  noteMore(lane: Lane): void {
    lane.hasMoreOnDisk = true
    this.refill(lane)
  }

  /** Asks for more of a lane once half its window is free. */
  refill(lane: Lane): void {
    if (!lane.hasMoreOnDisk || lane.isClaiming || lane.durables.size > this.#size / 2) return
    if (this.#state !== 'open' || lane.classes.size === 0) {
      this.#asleep.add(lane)
      return
    }
    if (this.#isFull(lane, WINDOW_BYTES / 2)) return
    lane.isClaiming = true
    this.#options.ledger.claim(lane.key, this.#size - lane.durables.size, lane.needs)
  }

  /** The fleet changed: somebody may serve what nobody did. */
  wake(): void {
    if (this.#asleep.size === 0 || this.#state !== 'open') return
    const lanes = [...this.#asleep]
    this.#asleep.clear()
    for (const lane of lanes) this.refill(lane)
  }

  /** The answer to a claim has come; `hasMore` counts only beside runs, or one would ask for ever. */
  refilled(lane: Lane, count: number, hasMore: boolean): void {
    lane.isClaiming = false
    lane.hasMoreOnDisk = hasMore && count > 0
  }
}
