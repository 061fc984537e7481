/**
 * The resolutions in which a series is kept: how long a slot is, for how long slots are kept, and how many share
 * a page, the unit in which they are packed and written. Seconds.
 */
export interface Tier {
  readonly stepS: number
  readonly windowS: number
  readonly pageS: number
}

const HOUR = 3_600
const DAY = 24 * HOUR

export const TIERS: readonly Tier[] = [
  // Two minutes more than are shown: what is coarser is made of them after a crash.
  { stepS: 1, windowS: 17 * 60, pageS: 60 },
  { stepS: 15, windowS: 6 * HOUR, pageS: 900 },
  { stepS: 60, windowS: 48 * HOUR, pageS: 2 * HOUR },
  { stepS: HOUR, windowS: 90 * DAY, pageS: DAY },
]

/** Workers have no seconds of their own. */
export const FIRST_WORKER_TIER = 1
