/**
 * Seeded randomness of the simulation: one stream a purpose, so that drawing more of one thing does
 * not change another. The invariant: equal seeds give equal runs, on every machine.
 */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) >>> 0
  }

  /** 0 ≤ x < 1 (mulberry32). */
  readonly next = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  /** A stream of its own. */
  fork(): Random {
    return new Random(Math.floor(this.next() * 0x1_0000_0000))
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.next()
  }

  /** A whole number, both ends included. */
  integer(low: number, high: number): number {
    return Math.floor(this.between(low, high + 1))
  }

  /** Evenly over orders of magnitude. */
  logarithmic(low: number, high: number): number {
    return low * (high / low) ** this.next()
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next())
  }

  pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.next() * choices.length)] as T
  }
}

export const SERVICE_LAWS = ['exp', 'bimodal', 'fixed', 'pareto'] as const
export type ServiceLaw = (typeof SERVICE_LAWS)[number]

/** Bounded Pareto: shape, and how many times the least the longest is. */
const PARETO_SHAPE = 1.5
const PARETO_RANGE = 1_000

/** A service time with this mean; bimodal: 95 % short, 5 % fifty times as long. */
export function drawService(random: Random, law: ServiceLaw, meanMs: number): number {
  if (law === 'fixed') return meanMs
  if (law === 'exp') return random.exponential(meanMs)
  if (law === 'pareto') return drawPareto(random.next(), meanMs)
  const shortMs = meanMs / 3.45
  return random.chance(0.05) ? 50 * shortMs : shortMs
}

function drawPareto(chance: number, meanMs: number): number {
  const tail = PARETO_RANGE ** -PARETO_SHAPE
  const exponent = PARETO_SHAPE - 1
  const leastMean = (PARETO_SHAPE / exponent) * ((1 - PARETO_RANGE ** -exponent) / (1 - tail))
  return (meanMs / leastMean) * (1 - chance * (1 - tail)) ** (-1 / PARETO_SHAPE)
}
