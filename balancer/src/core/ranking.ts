/**
 * Workers of one class by what one function would cost there now: buckets of nearly equal cost, and
 * in each a heap by relative occupancy. Kept by worker-class.ts. The choice looks at nine buckets at
 * most, whatever the number of workers: the least cost wins, within 10 % the least occupied does.
 */
import { IndexedHeap } from './indexed-heap.ts'
import type { FunctionTimes } from './service-times.ts'
import type { Worker } from './worker.ts'

/** Buckets to 10 %: so fine does "within 10 %" hold. */
const STEPS = 8
/** Differences below are not told apart. */
const LEAST_COST_MS = 1
const STEP = Math.log(1.1) / STEPS

interface Seat {
  readonly worker: Worker
  bucket: Bucket
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

  /** The least occupied of those whose cost is within 10 % of a step. */
  bestFrom(step: number): Worker | undefined {
    let best: Worker | undefined
    if (!Number.isFinite(step)) return undefined
    for (let at = step; at <= step + STEPS; at++) {
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

  #step(worker: Worker): number {
    const costMs = worker.expectedMs(this.#name) ?? this.#times.medianMs
    return Math.floor(Math.log(Math.max(LEAST_COST_MS, costMs)) / STEP)
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
