/**
 * How long a function takes: measured per worker and per occupancy, decayed, and over the fleet.
 * Written when an attempt completes; read by the choice (ranking.ts), by sending ahead (worker.ts) and
 * by whoever estimates a wait. The invariant: a worker counts like the fleet's median until chance
 * cannot explain its difference, so that noise never sways the choice.
 *
 * What ends within one service time of each other counts as one cluster: a moment in which a machine
 * is busy, or one slow neighbour, is one observation however many tasks it touched.
 */

/** Samples after which the newest one counts no more than 1 in so many. */
const WINDOW = 4_000
/** Occupancy is told apart by quarters of the slots. */
const BANDS = 4
/** Samples from which on a worker counts as measured. */
const MEASURED = 20
/** What was measured long ago counts for half as much after every such time. */
const HALF_LIFE_MS = 60_000
/** A sample after a long pause does not count for more than 1 in so many. */
const LEAST_INERTIA = 8
/** Standard errors that chance explains, when many clusters were seen. */
const CHANCE = 2.5
/** The same for the quarters of a worker's slots, of which some differ by chance more often. */
const CHANCE_OF_BAND = 4
/** What chance explains does no harm below this share: half of what counts as equal anyway. */
const HARMLESS = 0.05
/** With few clusters it explains more, with fewer than so many everything. */
const FEW_CLUSTERS = 6

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
  /** Samples, as far as they still count. */
  weight = 0
  #meanSquare = 0
  #agedAt = 0
  /** Closed clusters, their samples, and the squared sums of their samples' differences from the mean. */
  #clusters = 0
  #closed = 0
  #squares = 0
  /** The open cluster. */
  #openUntil = Number.NEGATIVE_INFINITY
  #openCount = 0
  #openSum = 0
  /** It surely differed from the median, and its mean has not come back there since. */
  #isApart = false

  constructor(fleet: FunctionTimes) {
    this.#fleet = fleet
  }

  /** `occupancy`: share of the worker's slots in use while it ran, itself included. */
  note(ms: number, occupancy: number, now: number): void {
    this.age(now)
    if (now >= this.#openUntil) this.#closeCluster(now)
    this.samples++
    if (this.weight + 1 > WINDOW) this.#decay((WINDOW - 1) / this.weight)
    this.weight++
    const share = 1 / Math.max(this.weight, Math.min(this.samples, LEAST_INERTIA))
    this.#openCount++
    if (this.samples > 1) this.#openSum += ms - this.meanMs
    this.meanMs += share * (ms - this.meanMs)
    this.#meanSquare += share * (ms * ms - this.#meanSquare)
    const band = this.#band(occupancy)
    band.weight++
    band.meanMs += (ms - band.meanMs) / Math.max(1, band.weight)
    this.#fleet.noted(this)
    this.judge()
  }

  /** Times vary more than exponential ones do: the variance is over twice the squared mean. */
  get isUneven(): boolean {
    return this.#meanSquare > 3 * this.meanMs * this.meanMs
  }

  get isMeasured(): boolean {
    return this.samples >= MEASURED
  }

  /** Relative variance of one sample, as the clusters have it; undefined while they are too few. */
  get spread(): number | undefined {
    if (this.#clusters < FEW_CLUSTERS || this.meanMs <= 0) return undefined
    const perSample = this.#squares / this.#closed
    return (perSample / (this.meanMs * this.meanMs)) * (this.#clusters / (this.#clusters - 1))
  }

  /** Lets time pass: old knowledge gives way to what the fleet has. */
  age(now: number): void {
    const ageMs = now - this.#agedAt
    // A thousandth of the half-life is nothing yet.
    if (ageMs * 1_000 <= HALF_LIFE_MS) return
    this.#agedAt = now
    this.#decay(2 ** (-ageMs / HALF_LIFE_MS))
  }

  /**
   * Expected milliseconds of one more task at this occupancy: the band's mean if it surely differs from
   * the worker's, else the worker's if that surely differs from the fleet's median, or did so and has
   * not come back there, else that median. Who was slow and has not been seen for long is tried again
   * with one task at a time.
   */
  expectedMs(occupancy: number, isIdle: boolean): number {
    const { medianMs } = this.#fleet
    const { meanMs, weight } = this.#band(occupancy)
    if (this.#isBandFar(meanMs, weight)) return meanMs
    if (!this.#isApart) return medianMs
    return isIdle && this.meanMs > medianMs && !this.#isFar ? medianMs : this.meanMs
  }

  /** How much more another may cost, as a share, for chance to explain it; 0 when that is the median's. */
  get leeway(): number {
    return this.#isApart ? CHANCE * Math.sqrt((2 * this.#likelySpread) / this.weight) : 0
  }

  leave(): void {
    this.#fleet.forget(this)
  }

  /** The fleet's when it is larger: who has seen no long task yet may see one like all others do. */
  get #likelySpread(): number {
    return Math.max(this.spread ?? 0, this.#fleet.spread)
  }

  /** Whether it is apart from the fleet, to be asked whenever either has learnt something. */
  judge(): void {
    if (this.#isFar) this.#isApart = true
    else if (this.#differenceMs < Math.max(this.#chanceMs / 2, HARMLESS * this.#fleet.medianMs))
      this.#isApart = false
  }

  /** The difference from the fleet's median is more than chance explains, or chance explains next to none. */
  get #isFar(): boolean {
    const chanceMs = this.#chanceMs
    if (chanceMs < HARMLESS * this.#fleet.medianMs && this.#clusters >= MEASURED) return true
    return isSure(this.#differenceMs, chanceMs, this.#clusters)
  }

  get #differenceMs(): number {
    return Math.abs(this.meanMs - this.#fleet.medianMs)
  }

  /** How far chance alone brings the mean from the fleet's median. */
  get #chanceMs(): number {
    const { medianMs, measured, squaredError } = this.#fleet
    if (measured < 2) return Number.POSITIVE_INFINITY
    const larger = Math.max(this.meanMs, medianMs)
    const own = (this.#likelySpread * larger * larger) / this.weight
    // The worker is itself a part of what it is compared with; with two this is the test of both means.
    return CHANCE * Math.sqrt(own * (1 - 2 / measured) + squaredError / measured)
  }

  #isBandFar(meanMs: number, weight: number): boolean {
    const difference = Math.abs(meanMs - this.meanMs)
    if (difference < HARMLESS * this.meanMs) return false
    const share = Math.min(1, weight / this.weight)
    const error = this.meanMs * Math.sqrt((this.#likelySpread * (1 - share)) / weight)
    return isSure(difference, CHANCE_OF_BAND * error, this.#clusters * share)
  }

  #closeCluster(now: number): void {
    this.#openUntil = now + this.meanMs
    if (this.#openCount === 0) return
    this.#clusters++
    this.#closed += this.#openCount
    this.#squares += this.#openSum * this.#openSum
    this.#openCount = 0
    this.#openSum = 0
  }

  #decay(left: number): void {
    this.weight *= left
    this.#clusters *= left
    this.#closed *= left
    this.#squares *= left
    for (const band of this.#bands) band.weight *= left
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
  #summary: Summary | undefined
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

  /** Workers with enough samples. */
  get measured(): number {
    return this.#measured.size
  }

  /** Median of the workers' means; 0 while nothing was ever measured. */
  get medianMs(): number {
    return this.#summed.medianMs
  }

  /** Relative variance of one sample, over all workers. */
  get spread(): number {
    return this.#summed.spread
  }

  /** Mean of the squared standard errors of the measured workers' means. */
  get squaredError(): number {
    return this.#summed.squaredError
  }

  noted(times: ServiceTimes): void {
    this.#workers.add(times)
    if (times.isMeasured && !this.#measured.has(times)) this.#addMeasured(times)
    if (--this.#untilNext > 0) return
    // Taken anew once for as many samples as there are workers, so that a sample costs log n.
    this.#untilNext = this.#workers.size
    this.#summary = undefined
  }

  #addMeasured(times: ServiceTimes): void {
    this.#measured.add(times)
    this.#summary = undefined
    // The first had nobody to be compared with.
    if (this.#measured.size === 2) for (const each of this.#measured) each.judge()
  }

  forget(times: ServiceTimes): void {
    this.#workers.delete(times)
    this.#measured.delete(times)
    this.#summary = undefined
  }

  get #summed(): Summary {
    this.#summary ??= summarise(this.#measured.size > 0 ? this.#measured : this.#workers)
    return this.#summary
  }
}

interface Summary {
  readonly medianMs: number
  readonly spread: number
  readonly squaredError: number
}

function summarise(workers: ReadonlySet<ServiceTimes>): Summary {
  const means: number[] = []
  let squares = 0
  let weights = 0
  for (const { meanMs, weight, spread } of workers) {
    means.push(meanMs)
    if (spread === undefined) continue
    squares += weight * spread
    weights += weight
  }
  const spread = weights > 0 ? squares / weights : 0
  let errors = 0
  for (const times of workers) errors += squaredErrorOf(times, spread)
  return { medianMs: median(means), spread, squaredError: errors / Math.max(1, workers.size) }
}

function squaredErrorOf({ meanMs, weight, spread = 0 }: ServiceTimes, fleetSpread: number): number {
  return (Math.max(spread, fleetSpread) * meanMs * meanMs) / Math.max(weight, 0.01)
}

/** A difference that chance does not explain; with few clusters it explains more than with many. */
function isSure(difference: number, chance: number, clusters: number): boolean {
  return clusters >= FEW_CLUSTERS && difference > (1 + FEW_CLUSTERS / clusters) * chance
}

function median(values: number[]): number {
  if (values.length === 0) return 0
  const sorted = values.sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const upper = sorted[middle] as number
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2
}
