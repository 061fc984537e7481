/**
 * The one door to the slots: direct and linked tasks enter here, wait in one queue in one order, and get their
 * slots here. Called by `http-task.ts` and `link-tasks.ts`; knows neither sockets nor handlers.
 *
 *   admit ──room──▶ running ──end──▶ gone, or resting ──resume──▶ waiting
 *     └──full──▶ waiting ──turn──▶ running, or given up when `isDue` says no
 *
 * What runs may lend its slots while it waits for a task of its own, and has them back before anything that waits.
 * Invariants: an order runs once at a time, and its slots are released exactly once a run, when it really ended;
 * at most slots + QUEUE_LIMIT orders are here, those that others made apart.
 */
import type { ErrorCode } from '@berth/protocol'
import type { AbortCause } from '../attempt/attempt.ts'
import { Bag, type Placed } from './bag.ts'
import type { Condition } from './condition.ts'
import { type Claim, Slots } from './slots.ts'

/** What a running order says of its slots. */
export interface SlotHold {
  /** It was told to end and did not. Counts within `used` until it ends. */
  markStuck(): void
  /** The handler has really ended. */
  release(): void
  /** Others may have its slots for a while. */
  lend(): void
  /** Resolves when it has its slots again, or has ended. */
  reclaim(): Promise<void>
}

export interface Order extends Claim {
  readonly isLinked: boolean
  /** A running order made it and waits for it: it is part of what was taken already. */
  readonly isChild?: boolean
  /** Set when it is admitted. */
  rank?: number | undefined
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

/** What the intake does with a tenure. */
interface Desk {
  markStuck(tenure: Tenure): void
  release(tenure: Tenure): void
  lend(tenure: Tenure): void
  reclaim(tenure: Tenure): Promise<void>
}

/** An order with its slots. */
class Tenure implements SlotHold, Placed {
  place = -1
  readonly order: Order
  readonly #desk: Desk
  hasSlots = true
  isStuck = false
  /** Resolved when lent slots are back; undefined while nobody asks for them. */
  back: PromiseWithResolvers<void> | undefined

  constructor(order: Order, desk: Desk) {
    this.order = order
    this.#desk = desk
  }

  markStuck(): void {
    this.#desk.markStuck(this)
  }

  release(): void {
    this.#desk.release(this)
  }

  lend(): void {
    this.#desk.lend(this)
  }

  reclaim(): Promise<void> {
    return this.#desk.reclaim(this)
  }
}

export class Intake {
  readonly #slots: Slots<Order>
  readonly #condition: Condition
  readonly #running = new Bag<Tenure>()
  readonly #desk: Desk = {
    markStuck: (tenure) => this.#markStuck(tenure),
    release: (tenure) => this.#release(tenure),
    lend: (tenure) => this.#lend(tenure),
    reclaim: (tenure) => this.#reclaim(tenure),
  }
  /** Between two attempts: without slots, but with a place. */
  readonly #resting = new Set<Order>()
  /** Those that wait for the slots they lent, in order. */
  readonly #returning = new Set<Tenure>()
  #isAbandoned = false
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

  /** Nothing runs, nothing waits, nothing will come again. */
  get isIdle(): boolean {
    return this.#size === 0
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
    order.rank ??= this.#slots.nextRank()
    const isFirst = this.#slots.queued === 0 && this.#returning.size === 0
    if (isFirst && this.#condition.isRunnable && this.#slots.hasRoom(order.cost)) this.#start(order)
    else if (!this.#slots.enqueue(order, order.isChild)) return 'QUEUE_FULL'
    else {
      if (!this.#condition.isRunnable) order.onHeldUp?.()
      // A child may stand before the head that had no room.
      this.#pump()
    }
    this.#announce()
    return undefined
  }

  /** Its attempt has failed and another will follow: it keeps its place, without slots. Before `release`. */
  rest(order: Order): void {
    this.#resting.add(order)
  }

  /** The rest is over: it waits for slots again. False when it was withdrawn or given up meanwhile. */
  resume(order: Order): boolean {
    if (!this.#resting.delete(order)) return false
    this.#slots.enqueue(order, true)
    if (!this.#condition.isRunnable) order.onHeldUp?.()
    this.#pump()
    this.#announce()
    return true
  }

  /** Takes an order out that waits or rests; false when it does neither. */
  withdraw(order: Order): boolean {
    if (!this.#resting.delete(order) && !this.#slots.remove(order)) return false
    this.#pump()
    this.#announce()
    return true
  }

  isWaiting(order: Order): boolean {
    return this.#slots.isWaiting(order)
  }

  /** Gives back every waiting order that came over a link, but for what somebody who runs waits for. */
  recallLinked(code: 'MAINTENANCE' | 'DRAINING'): void {
    this.#giveUp(
      this.#slots.waiting().filter((order) => order.isLinked && !order.isChild),
      code,
    )
  }

  /** The end of a drain: nothing waits any more, and what runs is told to stop. */
  abandon(): void {
    this.#isAbandoned = true
    this.#giveUp([...this.#slots.waiting(), ...this.#resting], 'DRAINING')
    for (const { order } of [...this.#running]) order.abort('shutdown')
  }

  /** The last word, when what was told to stop did not. */
  leave(): void {
    for (const { order } of [...this.#running]) order.leave()
  }

  /** Resolves when nothing runs, nothing waits and nothing will come again. */
  async whenIdle(): Promise<void> {
    if (this.isIdle) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  get #size(): number {
    return this.#running.size + this.queued + this.#resting.size
  }

  #refusalOf(order: Order): Refusal | undefined {
    const { status } = this.#condition
    // Maintenance and drain let what runs finish, and a child is part of that.
    if (order.isChild ? this.#isAbandoned : status === 'draining') return 'DRAINING'
    if (!order.isChild && status === 'maintenance') return 'MAINTENANCE'
    if (order.isLinked && !order.isChild && status !== 'ready') return 'NO_CAPACITY'
    if (order.cost > this.limit) return 'SLOT_COST_TOO_BIG'
    if (order.isChild) return undefined
    return this.#size >= this.limit + this.queueLimit ? 'QUEUE_FULL' : undefined
  }

  #giveUp(orders: readonly Order[], code: 'MAINTENANCE' | 'DRAINING'): void {
    for (const order of orders)
      if (this.#resting.delete(order) || this.#slots.remove(order)) order.giveUp(code)
    this.#pump()
    this.#announce()
  }

  #start(order: Order): void {
    this.#slots.reserve(order.cost)
    const tenure = new Tenure(order, this.#desk)
    this.#running.add(tenure)
    order.start(tenure)
  }

  #isOver(tenure: Tenure): boolean {
    return tenure.place < 0
  }

  #markStuck(tenure: Tenure): void {
    if (tenure.isStuck || this.#isOver(tenure)) return
    tenure.isStuck = true
    if (tenure.hasSlots) this.#stuck += tenure.order.cost
    this.#announce()
  }

  #release(tenure: Tenure): void {
    if (this.#isOver(tenure)) return
    this.#running.delete(tenure)
    if (tenure.hasSlots) this.#giveSlots(tenure)
    this.#returning.delete(tenure)
    tenure.back?.resolve()
    this.#pump()
    this.#announce()
  }

  #lend(tenure: Tenure): void {
    if (!tenure.hasSlots || this.#isOver(tenure)) return
    this.#giveSlots(tenure)
    this.#pump()
    this.#announce()
  }

  async #reclaim(tenure: Tenure): Promise<void> {
    if (tenure.hasSlots || this.#isOver(tenure)) return
    tenure.back ??= Promise.withResolvers<void>()
    const { promise } = tenure.back
    this.#returning.add(tenure)
    this.#pump()
    this.#announce()
    await promise
  }

  #giveSlots(tenure: Tenure): void {
    tenure.hasSlots = false
    if (tenure.isStuck) this.#stuck -= tenure.order.cost
    this.#slots.release(tenure.order.cost)
  }

  /** False when somebody still waits for what he lent. */
  #takeBack(): boolean {
    for (const tenure of this.#returning) {
      const { cost } = tenure.order
      if (!this.#slots.hasRoom(cost)) return false
      this.#returning.delete(tenure)
      this.#slots.reserve(cost)
      tenure.hasSlots = true
      if (tenure.isStuck) this.#stuck += cost
      tenure.back?.resolve()
      tenure.back = undefined
    }
    return true
  }

  /** Starts what can start. Not re-entrant: an order may end while it is being started. */
  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#takeBack() && this.#condition.isRunnable) {
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
    if (this.#idle.length === 0 || !this.isIdle) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
