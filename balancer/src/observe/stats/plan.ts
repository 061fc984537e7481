/**
 * From a question to buckets: which resolution is read, and how long a bucket is. Pure.
 * Invariants: buckets lie on multiples of their length, so a picture that moves does not flicker; a bucket is a whole
 * number of slots of what is read; a step that is not as asked is told.
 */
import type { StatsQuery } from '../../ports/stats.ts'
import { TIERS, type Tier } from './tiers.ts'

/** Lengths of buckets, in seconds. */
export const STEPS: readonly number[] = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
]
/** Points of a line unless a step is given. */
const POINTS = 300
/** What is younger is surely there. */
const SLACK_S = 120

export interface Plan {
  readonly tier: Tier
  readonly stepS: number
  readonly fromS: number
  readonly toS: number
  /** The begin of what is not over yet, or `toS`. */
  readonly partialS: number
  readonly note: string | null
}

export interface PlanTerms {
  /** The end of the last second that is known. */
  readonly nowS: number
  readonly tiers: readonly Tier[]
  /** How much of each window there is: less than 1 of workers in a large fleet. */
  readonly share: number
  /** Series times metrics that are to be answered. */
  readonly lines: number
  /** Most values of the answer. */
  readonly values: number
}

export function planBuckets(query: Pick<StatsQuery, 'fromMs' | 'toMs' | 'stepMs'>, terms: PlanTerms): Plan {
  const [fromS, toS] = [Math.floor(query.fromMs / 1_000), Math.ceil(query.toMs / 1_000)]
  const askedS = query.stepMs === undefined ? undefined : query.stepMs / 1_000
  const reaching = terms.tiers.find((tier) => fromS >= reachOf(tier, terms)) ?? terms.tiers.at(-1)
  const finestS = reaching?.stepS ?? 1
  const wishedS = askedS ?? (toS - fromS) / POINTS
  let stepS = stepAtLeast(Math.max(wishedS, finestS))
  while (stepS < 86_400 && countBuckets(fromS, toS, stepS, terms.nowS) * terms.lines > terms.values)
    stepS = stepAtLeast(stepS + 1)
  const isKept = (tier: Tier) => tier.stepS <= stepS && stepS % tier.stepS === 0
  // Of those that reach back far enough the coarsest is read: it is the least to read.
  const tier =
    terms.tiers.filter((each) => isKept(each) && each.stepS >= finestS).at(-1) ?? (TIERS[0] as Tier)
  const [begin, end] = edges(fromS, toS, stepS, terms.nowS)
  return {
    tier,
    stepS,
    fromS: begin,
    toS: end,
    partialS: end > terms.nowS ? Math.max(begin, end - stepS) : end,
    note: askedS === undefined || askedS === stepS ? null : noteOf(askedS, stepS, finestS),
  }
}

function reachOf({ windowS }: Tier, { nowS, share }: PlanTerms): number {
  return nowS - windowS * share + SLACK_S
}

function stepAtLeast(seconds: number): number {
  return STEPS.find((step) => step >= seconds) ?? 86_400
}

/** The last bucket is the one in which the last known second is. */
function edges(fromS: number, toS: number, stepS: number, nowS: number): [number, number] {
  const begin = Math.floor(fromS / stepS) * stepS
  const end = Math.min(Math.ceil(toS / stepS), Math.ceil(nowS / stepS)) * stepS
  return [begin, Math.max(begin, end)]
}

function countBuckets(fromS: number, toS: number, stepS: number, nowS: number): number {
  const [begin, end] = edges(fromS, toS, stepS, nowS)
  return (end - begin) / stepS
}

function noteOf(askedS: number, stepS: number, finestS: number): string {
  const why =
    finestS > askedS
      ? `figures that old are kept in steps of ${finestS} s at the finest`
      : 'buckets have one of a few lengths, and an answer has a bound; ask for a shorter range or fewer series'
  return `The step is ${stepS} s instead of ${askedS} s: ${why}.`
}
