/**
 * The core's picture of one worker: what it serves, how many slots it has, what this balancer has
 * reserved there and what others use. The two are kept apart: a push never overwrites a reservation,
 * so pushes and dispatches that cross on the wire cannot over-book.
 */
import { LIMITS, TurnoverMap } from '@berth/protocol'
import type { WorkerFacts } from '../ports/workforce.ts'
import type { Breaker } from './breaker.ts'
import { type FunctionTimes, ServiceTimes } from './service-times.ts'
import { WorkerTally } from './tally.ts'
import type { Task } from './task.ts'
import type { WorkerClass } from './worker-class.ts'

/** Weight of the newest sample in the decayed mean of the round trip. */
const DECAY = 0.1
/** Round trip ÷ service time up to which an idle slot costs nothing, and up to which one task ahead is enough. */
const NO_LOSS = 0.002
const SMALL_LOSS = 0.01
/** The distance of a worker is the least of so many round trips. */
const LEAST_OF = 32
const MAX_AHEAD_TASKS = 256
const MAX_AHEAD_BYTES = 4 * 1024 * 1024

/** A slow start: so much of its share at first, all of it after so long. */
const FIRST_SHARE = 0.1
export const SLOW_START_MS = 30_000

export interface LateAttempt {
  readonly run: string
  readonly fence: number
}

/** How long a completed attempt ran, and what share of the worker's slots was in use meanwhile. */
export interface ServiceSample {
  readonly runMs: number
  readonly occupancy: number
  readonly now: number
}

export class Worker {
  facts: WorkerFacts
  class: WorkerClass | undefined
  /** As last pushed; 0 until the first push. */
  limit = 0
  /** Slots that others use: `used - linked` of the last push. */
  foreign = 0
  /** Slots of every attempt of ours that has not ended, sent ahead or not. */
  own = 0
  readonly attempts = new TurnoverMap<number, Task>()
  /** Durable attempts that count no more and may still end there: the worker keeps such an end until it is told. */
  late: Map<number, LateAttempt> | undefined
  /** Slots it counts with in its group: its limit while it serves, else 0. Kept by placement.ts. */
  servingSlots = 0
  /** Attempts that have their slots here and are not sent before the disk says so. */
  held = 0
  /** Bytes of ours that wait there. */
  aheadBytes = 0
  /** Decayed mean from the write to STARTED with a free slot; undefined before the first. */
  roundTripMs: number | undefined
  /** After BUSY it is left alone until then. */
  blockedUntilAt = 0
  busyStreak = 0
  /** Link trouble: silent since, or unlinked since. */
  trouble: { readonly kind: 'silent' | 'unlinked'; readonly sinceAt: number } | undefined
  /** Of the worker itself; undefined while nothing ever failed. */
  breaker: Breaker | undefined
  /** Functions that fail here and not elsewhere, by name. */
  readonly bars = new Map<string, Breaker>()
  /** How health.ts has it in its group's sums. */
  countsAs: 'out' | 'ejected' | 'serving' = 'out'
  /** How attempts went here. */
  readonly tally = new WorkerTally()
  /** Rank among its class; see worker-class.ts. */
  tier = 0
  ratio = 0
  salt = 0
  heapIndex = -1
  freeIndex = -1
  /** How much of its slots it is to have in a slow start; 1 when it is over. */
  share = 1
  /** Since when it serves without a break; undefined while it does not. */
  servingSinceAt: number | undefined
  #slowSinceAt: number | undefined
  #roundTrips = 0
  /** The least round trip of the present row of some, and of the one before. */
  #leastNow = Number.POSITIVE_INFINITY
  #leastBefore = Number.POSITIVE_INFINITY
  readonly #service = new Map<string, ServiceTimes>()

  constructor(facts: WorkerFacts) {
    this.facts = facts
  }

  get id(): string {
    return this.facts.id
  }

  get used(): number {
    return this.own + this.foreign
  }

  get free(): number {
    return this.limit - this.used
  }

  /** Takes work in general, whether or not it has room at the moment. */
  get isServing(): boolean {
    return this.facts.isInService && !this.trouble && this.limit > 0
  }

  noteRoundTrip(ms: number): void {
    this.roundTripMs = decayed(this.roundTripMs, ms)
    if (this.#roundTrips++ % LEAST_OF === 0) {
      this.#leastBefore = this.#leastNow
      this.#leastNow = ms
    } else this.#leastNow = Math.min(this.#leastNow, ms)
  }

  /** What the way to the worker and back takes at least: its distance, whatever is busy at the moment. */
  get distanceMs(): number {
    const least = Math.min(this.#leastNow, this.#leastBefore)
    return Number.isFinite(least) ? least : 0
  }

  /** It comes into service while others are warm: little at first, more as time passes. */
  startSlowly(now: number): void {
    this.#slowSinceAt = now
    this.age(now)
  }

  /** Lets time pass for the slow start and for what was measured. */
  age(now: number): void {
    for (const times of this.#service.values()) times.age(now)
    if (this.#slowSinceAt === undefined) return
    const passed = (now - this.#slowSinceAt) / SLOW_START_MS
    this.share = Math.min(1, FIRST_SHARE + (1 - FIRST_SHARE) * passed)
    if (this.share >= 1) this.#slowSinceAt = undefined
  }

  /** A completed attempt. */
  noteService(name: string, fleet: FunctionTimes, sample: ServiceSample): void {
    const times = this.#service.get(name) ?? new ServiceTimes(fleet)
    this.#service.set(name, times)
    times.note(sample.runMs, sample.occupancy, sample.now)
  }

  /** It serves another interface, or nothing any more: what was measured says nothing. */
  forgetService(): void {
    for (const times of this.#service.values()) times.leave()
    this.#service.clear()
  }

  /** Decayed mean of a function's service time here; undefined before the first. */
  serviceMs(name: string): number | undefined {
    return this.#service.get(name)?.meanMs
  }

  /** What one more task of a function would take here; undefined while the worker has run none. */
  expectedMs(name: string): number | undefined {
    return this.#service.get(name)?.expectedMs((this.used + 1) / this.limit, this.used === 0)
  }

  /** How much more than here a function may cost elsewhere, as a share, and count as equal. */
  leeway(name: string): number {
    return this.#service.get(name)?.leeway ?? 0
  }

  /**
   * How many tasks of a function may wait at the worker beyond its slots (SCHEDULING §4): 0 while
   * service time is unknown or the round trip is next to nothing of it; 1 while it is at most 1 %, for
   * near saturation even that costs 4 to 16 % of the mean; else ceil(slots · RTT / S) + 2, five more where
   * the round trip is longer than uneven tasks, and never more than 4 · slots or 256.
   */
  aheadLimit(name: string): number {
    const service = this.#service.get(name)
    if (service === undefined || this.roundTripMs === undefined) return 0
    if (this.facts.takesAhead === false) return 0
    const ratio = this.roundTripMs / Math.max(service.meanMs, 0.01)
    if (ratio <= NO_LOSS) return 0
    if (ratio <= SMALL_LOSS) return 1
    const spare = ratio >= 1 && service.isUneven ? 7 : 2
    return Math.min(Math.ceil(this.limit * ratio) + spare, 4 * this.limit, MAX_AHEAD_TASKS)
  }

  hasAheadRoom(name: string, cost: number, bytes: number): boolean {
    // It would find the slot free that the held one is to have.
    if (this.held > 0) return false
    if (this.free - cost < -this.aheadLimit(name)) return false
    // What needs more than one window would still be on its way when it is asked back by age.
    return bytes <= LIMITS.windowBytes && this.aheadBytes + bytes <= MAX_AHEAD_BYTES
  }
}

function decayed(mean: number | undefined, sample: number): number {
  return mean === undefined ? sample : mean + DECAY * (sample - mean)
}
