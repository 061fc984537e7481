/**
 * Workers of one class by what one function would cost there now: buckets of nearly equal cost, and
 * in each a heap by relative occupancy. Kept by worker-class.ts. The choice looks at nine buckets as a
 * rule and at 34 at most, whatever the number of workers: the least cost wins; within 10 %, or what
 * chance explains of the least one's difference, the least occupied does.
 */
import { IndexedHeap } from './indexed-heap.ts'
import type { FunctionTimes } from './service-times.ts'
import type { Worker } from './worker.ts'

/** Buckets to 10 %: so fine does "within 10 %" hold. */
const STEPS = 8
/** Differences below are not told apart. */
const LEAST_COST_MS = 1
const STEP = Math.log(1.1) / STEPS
/** Chance is not believed to explain more than 50 %. */
const MOST_STEPS = Math.floor(Math.log(1.5) / STEP)

interface Seat {
  readonly worker: Worker
  bucket: Bucket
  index: number
}

/** A worker without a free slot. */
interface Stand {
  readonly worker: Worker
  /** When a task sent ahead there may expect to start. */
  waitMs: number
  index: number
}

export class Ranking {
  readonly #name: string
  readonly #times: FunctionTimes
  readonly #seats = new Map<Worker, Seat>()
  readonly #buckets = new Map<number, Bucket>()
  readonly #order = new IndexedHeap<Bucket>({
    isBefore: (a, b) => a.step < b.step,
    getIndex: (bucket) => bucket.index,
    setIndex: (bucket, index) => {
      bucket.index = index
    },
  })
  readonly #stands = new Map<Worker, Stand>()
  readonly #soonest = new IndexedHeap<Stand>({
    isBefore: (a, b) => (a.waitMs !== b.waitMs ? a.waitMs < b.waitMs : a.worker.salt < b.worker.salt),
    getIndex: (stand) => stand.index,
    setIndex: (stand, index) => {
      stand.index = index
    },
  })
  /** Choices of the class when this ranking was last asked. */
  askedAt = 0

  constructor(name: string, times: FunctionTimes) {
    this.#name = name
    this.#times = times
  }

  /** The step of the least cost; Infinity when nobody is here. */
  get leastStep(): number {
    return this.#order.first?.step ?? Number.POSITIVE_INFINITY
  }

  /** Steps from the least cost within which costs count as equal. */
  get reach(): number {
    const leeway = this.#order.first?.seats.first?.worker.leeway(this.#name) ?? 0
    if (leeway <= 0.1) return STEPS
    return Math.min(MOST_STEPS, Math.floor(Math.log(1 + leeway) / STEP))
  }

  /** The least occupied of those whose cost is within so many steps of one. */
  bestFrom(step: number, reach: number): Worker | undefined {
    let best: Worker | undefined
    for (let at = step; at <= step + reach; at++) {
      const first = this.#buckets.get(at)?.seats.first?.worker
      if (first && (!best || isLessOccupied(first, best))) best = first
    }
    return best
  }

  /** Seats a worker by its present cost, or takes it out. */
  place(worker: Worker, isCandidate: boolean): void {
    const seat = this.#seats.get(worker)
    const step = isCandidate ? this.#step(worker) : undefined
    if (seat && seat.bucket.step === step) return seat.bucket.seats.update(seat)
    if (seat) this.#leave(seat)
    if (step === undefined) return
    const bucket = this.#bucket(step)
    const fresh = { worker, bucket, index: -1 }
    this.#seats.set(worker, fresh)
    bucket.seats.add(fresh)
  }

  /** Where a task sent ahead of a free slot would start soonest, whether or not it has room for that. */
  get soonest(): { readonly worker: Worker; readonly waitMs: number } | undefined {
    return this.#soonest.first
  }

  /** Keeps a full worker by the wait that is to be expected there, or forgets it. */
  stand(worker: Worker, isFull: boolean): void {
    const known = this.#stands.get(worker)
    if (!isFull) {
      if (!known) return
      this.#soonest.remove(known)
      this.#stands.delete(worker)
      return
    }
    const waitMs = ((worker.used + 1 - worker.limit) * this.#costMs(worker)) / worker.limit
    if (known) {
      known.waitMs = waitMs
      this.#soonest.update(known)
      return
    }
    const fresh = { worker, waitMs, index: -1 }
    this.#stands.set(worker, fresh)
    this.#soonest.add(fresh)
  }

  /** What a caller would wait for: the service and the way there. */
  #costMs(worker: Worker): number {
    return (worker.expectedMs(this.#name) ?? this.#times.medianMs) + worker.distanceMs
  }

  #step(worker: Worker): number {
    return Math.floor(Math.log(Math.max(LEAST_COST_MS, this.#costMs(worker))) / STEP)
  }

  #leave(seat: Seat): void {
    const { bucket, worker } = seat
    this.#seats.delete(worker)
    bucket.seats.remove(seat)
    if (bucket.seats.size > 0) return
    this.#order.remove(bucket)
    this.#buckets.delete(bucket.step)
  }

  #bucket(step: number): Bucket {
    const known = this.#buckets.get(step)
    if (known) return known
    const fresh = new Bucket(step)
    this.#buckets.set(step, fresh)
    this.#order.add(fresh)
    return fresh
  }
}

class Bucket {
  readonly step: number
  index = -1
  readonly seats = new IndexedHeap<Seat>({
    isBefore: (a, b) => isLessOccupied(a.worker, b.worker),
    getIndex: (seat) => seat.index,
    setIndex: (seat, index) => {
      seat.index = index
    },
  })

  constructor(step: number) {
    this.step = step
  }
}

/** Relative occupancy after placing, then chance; the worker's class keeps both figures. */
function isLessOccupied(a: Worker, b: Worker): boolean {
  return a.ratio !== b.ratio ? a.ratio < b.ratio : a.salt < b.salt
}
