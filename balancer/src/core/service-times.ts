/**
 * How long a function takes: measured per worker and per occupancy, decayed, and over the fleet.
 * Written when an attempt completes; read by the choice (ranking.ts), by sending ahead (worker.ts) and
 * by whoever estimates a wait. The invariant: what is not known is the fleet's median, never zero.
 */

/** Samples after which the newest one counts no more than 1 in 64. */
const WINDOW = 64
/** Occupancy is told apart by quarters of the slots. */
const BANDS = 4
/** Samples from which on a worker counts as measured. */
const MEASURED = 20
/** What was measured long ago counts for half as much after every such time. */
const HALF_LIFE_MS = 30_000
/** Squared relative spread that workers' speeds are expected to have before anything is known. */
const EXPECTED_SPREAD = 0.25

/** Samples that the fleet's median counts for at least: one bad moment of a worker is no difference of speed. */
const LEAST_DOUBT = 20

interface Band {
  meanMs: number
  weight: number
}

/** One function at one worker. */
export class ServiceTimes {
  readonly #fleet: FunctionTimes
  readonly #bands: Band[] = Array.from({ length: BANDS }, () => ({ meanMs: 0, weight: 0 }))
  samples = 0
  meanMs = 0
  #meanSquare = 0
  #weight = 0
  #agedAt = 0

  constructor(fleet: FunctionTimes) {
    this.#fleet = fleet
  }

  /** `occupancy`: share of the worker's slots in use while it ran, itself included. */
  note(ms: number, occupancy: number, now: number): void {
    this.age(now)
    this.samples++
    const share = 1 / Math.min(this.samples, WINDOW)
    this.meanMs += share * (ms - this.meanMs)
    this.#meanSquare += share * (ms * ms - this.#meanSquare)
    this.#weight = Math.min(this.#weight + 1, WINDOW)
    const band = this.#band(occupancy)
    band.weight = Math.min(band.weight + 1, WINDOW)
    band.meanMs += (ms - band.meanMs) / band.weight
    this.#fleet.noted(this)
  }

  /** Times vary more than exponential ones do: the variance is over twice the squared mean. */
  get isUneven(): boolean {
    return this.#meanSquare > 3 * this.meanMs * this.meanMs
  }

  get isMeasured(): boolean {
    return this.samples >= MEASURED
  }

  /** Lets time pass: old knowledge gives way to what the fleet has. */
  age(now: number): void {
    const ageMs = now - this.#agedAt
    this.#agedAt = now
    if (ageMs <= 0) return
    const left = 2 ** (-ageMs / HALF_LIFE_MS)
    this.#weight *= left
    for (const band of this.#bands) band.weight *= left
  }

  /**
   * Expected milliseconds of one more task at this occupancy: the band's mean, as far as it is sure,
   * else the worker's, else the fleet's median. The more the times vary, the more samples it takes.
   */
  expectedMs(occupancy: number): number {
    const doubt = this.#doubt()
    const worker = blend(this.meanMs, this.#weight, this.#fleet.medianMs, doubt)
    const { meanMs, weight } = this.#band(occupancy)
    return blend(meanMs, weight, worker, doubt)
  }

  leave(): void {
    this.#fleet.forget(this)
  }

  /** Samples that the prior counts for. */
  #doubt(): number {
    const square = this.meanMs * this.meanMs
    if (square === 0) return LEAST_DOUBT
    return LEAST_DOUBT + Math.max(0, this.#meanSquare / square - 1) / EXPECTED_SPREAD
  }

  #band(occupancy: number): Band {
    const index = Math.min(BANDS - 1, Math.max(0, Math.ceil(occupancy * BANDS) - 1))
    return this.#bands[index] as Band
  }
}

/** One function under one contract, over all workers that serve it. */
export class FunctionTimes {
  readonly #workers = new Set<ServiceTimes>()
  readonly #measured = new Set<ServiceTimes>()
  #medianMs: number | undefined
  #untilNext = 0
  readonly #comparesSpeed: boolean

  /** Without `comparesSpeed` times are measured and shown, and no choice rests on them. */
  constructor(comparesSpeed = true) {
    this.#comparesSpeed = comparesSpeed
  }

  /** Two workers have enough samples: costs can be compared. */
  get isComparable(): boolean {
    return this.#comparesSpeed && this.#measured.size >= 2
  }

  get isEmpty(): boolean {
    return this.#workers.size === 0
  }

  /** Median of the workers' means; 0 while nothing was ever measured. */
  get medianMs(): number {
    this.#medianMs ??= median([...this.#workers].map(({ meanMs }) => meanMs))
    return this.#medianMs
  }

  noted(times: ServiceTimes): void {
    this.#workers.add(times)
    if (times.isMeasured) this.#measured.add(times)
    if (--this.#untilNext > 0) return
    // Taken anew once for as many samples as there are workers, so that a sample costs log n.
    this.#untilNext = this.#workers.size
    this.#medianMs = undefined
  }

  forget(times: ServiceTimes): void {
    this.#workers.delete(times)
    this.#measured.delete(times)
    this.#medianMs = undefined
  }
}

function blend(mean: number, weight: number, prior: number, doubt: number): number {
  return (mean * weight + prior * doubt) / (weight + doubt)
}

function median(values: number[]): number {
  if (values.length === 0) return 0
  const sorted = values.sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}
