/**
 * The one door to the slots: direct and linked tasks enter here, wait in one queue in one order, and get their
 * slots here. Called by `http-task.ts` and `link-session.ts`; knows neither sockets nor handlers.
 *
 *   admit ──room──▶ running ──end──▶ gone
 *     └──full──▶ waiting ──turn──▶ running, or given up when `isDue` says no
 *
 * Invariant: an order is started at most once, and its slots are released exactly once, when it really ended.
 */
import type { ErrorCode } from '@berth/protocol'
import type { AbortCause } from './attempt.ts'
import type { Condition } from './condition.ts'
import { type Claim, Slots } from './slots.ts'

/** What a running order says of its slots. */
export interface SlotHold {
  /** It was told to end and did not. Counts within `used` until it ends. */
  markStuck(): void
  /** The handler has really ended. */
  release(): void
}

export interface Order extends Claim {
  readonly isLinked: boolean
  /** Asked when its turn comes; false: it is no longer wanted and has told its owner so. */
  isDue(): boolean
  start(hold: SlotHold): void
  /** Tells what runs to end. */
  abort(cause: AbortCause): void
  /** The process is leaving now: answers whoever still waits, although the handler runs. */
  leave(): void
  /** Takes it out of the queue for good: `code` says why. */
  giveUp(code: 'MAINTENANCE' | 'DRAINING'): void
  /** The worker became unready while it waits. */
  onHeldUp?(): void
}

/** Undefined when it was taken. */
export type Refusal = Extract<
  ErrorCode,
  'MAINTENANCE' | 'DRAINING' | 'NO_CAPACITY' | 'QUEUE_FULL' | 'SLOT_COST_TOO_BIG'
>

export class Intake {
  readonly #slots: Slots<Order>
  readonly #condition: Condition
  readonly #running = new Set<Order>()
  readonly #listeners = new Set<() => void>()
  #stuck = 0
  #isPumping = false
  #idle: (() => void)[] = []

  constructor(condition: Condition, limits: { slots: number; queueLimit: number }) {
    this.#slots = new Slots(limits.slots, limits.queueLimit)
    this.#condition = condition
    condition.onChange(() => this.#onCondition())
  }

  get limit(): number {
    return this.#slots.limit
  }

  get queueLimit(): number {
    return this.#slots.queueLimit
  }

  get used(): number {
    return this.#slots.used
  }

  get stuck(): number {
    return this.#stuck
  }

  get queued(): number {
    return this.#slots.queued
  }

  /** Free slots that a new task may have. */
  get available(): number {
    return this.#condition.status === 'ready' ? this.limit - this.used : 0
  }

  /** Calls `listener` whenever used, stuck or queued may have changed. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Starts it, lets it wait, or says why not. */
  admit(order: Order): Refusal | undefined {
    const refusal = this.#refusalOf(order)
    if (refusal !== undefined) return refusal
    if (this.#slots.queued === 0 && this.#condition.isRunnable && this.#slots.hasRoom(order.cost)) {
      this.#start(order)
    } else if (!this.#slots.enqueue(order)) {
      return 'QUEUE_FULL'
    } else if (!this.#condition.isRunnable) {
      order.onHeldUp?.()
    }
    this.#announce()
    return undefined
  }

  /** Takes a waiting order out; false when it does not wait. */
  withdraw(order: Order): boolean {
    if (!this.#slots.remove(order)) return false
    this.#pump()
    this.#announce()
    return true
  }

  isWaiting(order: Order): boolean {
    return this.#slots.isWaiting(order)
  }

  /** Gives back every waiting order that came over a link. */
  recallLinked(code: 'MAINTENANCE' | 'DRAINING'): void {
    this.#giveUp(
      this.#slots.waiting().filter((order) => order.isLinked),
      code,
    )
  }

  /** The end of a drain: nothing waits any more, and what runs is told to stop. */
  abandon(): void {
    this.#giveUp(this.#slots.waiting(), 'DRAINING')
    for (const order of [...this.#running]) order.abort('shutdown')
  }

  /** The last word, when what was told to stop did not. */
  leave(): void {
    for (const order of [...this.#running]) order.leave()
  }

  /** Resolves when nothing runs and nothing waits. */
  async whenIdle(): Promise<void> {
    if (this.#running.size === 0 && this.queued === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #refusalOf(order: Order): Refusal | undefined {
    const { status } = this.#condition
    if (status === 'draining') return 'DRAINING'
    if (status === 'maintenance') return 'MAINTENANCE'
    if (order.isLinked && status !== 'ready') return 'NO_CAPACITY'
    return order.cost > this.limit ? 'SLOT_COST_TOO_BIG' : undefined
  }

  #giveUp(orders: readonly Order[], code: 'MAINTENANCE' | 'DRAINING'): void {
    for (const order of orders) if (this.#slots.remove(order)) order.giveUp(code)
    this.#pump()
    this.#announce()
  }

  #start(order: Order): void {
    this.#slots.reserve(order.cost)
    this.#running.add(order)
    let isStuck = false
    order.start({
      markStuck: () => {
        if (isStuck || !this.#running.has(order)) return
        isStuck = true
        this.#stuck += order.cost
        this.#announce()
      },
      release: () => {
        if (!this.#running.delete(order)) return
        if (isStuck) this.#stuck -= order.cost
        this.#slots.release(order.cost)
        this.#pump()
        this.#announce()
      },
    })
  }

  /** Starts what can start. Not re-entrant: an order may end while it is being started. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#condition.isRunnable) {
      const head = this.#slots.head()
      if (!head || !this.#slots.hasRoom(head.cost)) break
      this.#slots.remove(head)
      if (head.isDue()) this.#start(head)
    }
    this.#isPumping = false
  }

  #onCondition(): void {
    const { status, isRunnable } = this.#condition
    if (status === 'maintenance') this.recallLinked('MAINTENANCE')
    if (status === 'draining') this.recallLinked('DRAINING')
    if (!isRunnable) for (const order of this.#slots.waiting()) order.onHeldUp?.()
    this.#pump()
    this.#announce()
  }

  #announce(): void {
    for (const listener of this.#listeners) listener()
    if (this.#running.size > 0 || this.queued > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
