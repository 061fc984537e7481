/**
 * How fast tasks come and go, by function: differences of the core's counts over the last minute. Asked with every
 * look at the queue and counting by itself in between only as long as somebody looks; no timer.
 * Invariant: of each function one number a sample is kept, and at most 14 samples.
 */
import type { Clock } from '@berth/runtime'
import type { FunctionTally, TalliesPort } from '../ports/tallies.ts'

const WINDOW_MS = 60_000
const SAMPLE_EVERY_MS = 5_000
/** Rates over less than this would be noise. */
const MIN_SPAN_MS = 2_000

export interface Rates {
  readonly arrivalPerSecond: number
  readonly servicePerSecond: number
}

interface Counts {
  readonly arrived: number
  readonly served: number
}

interface Sample {
  readonly atMs: number
  readonly counts: ReadonlyMap<string, Counts>
}

export interface RatedFunction {
  readonly group: string
  readonly contract: number
  readonly function: string
}

export class QueueRates {
  readonly #tallies: Pick<TalliesPort, 'tallies'>
  readonly #clock: Pick<Clock, 'monoMs'>
  #samples: readonly Sample[] = []

  constructor(tallies: Pick<TalliesPort, 'tallies'>, clock: Pick<Clock, 'monoMs'>) {
    this.#tallies = tallies
    this.#clock = clock
  }

  /** Undefined rates until two seconds after the first look. */
  measure(): (of: RatedFunction) => Rates | undefined {
    const now = this.#sample()
    // After a long time without a look: what happened meanwhile is not what happens now.
    if (now.atMs - (this.#samples.at(-1)?.atMs ?? 0) > WINDOW_MS) this.#samples = []
    const first = this.#samples[0] ?? now
    const spanMs = now.atMs - first.atMs
    this.#keep(now)
    return (of) => {
      if (spanMs < MIN_SPAN_MS) return undefined
      const last = now.counts.get(keyOf(of)) ?? NONE
      const before = first.counts.get(keyOf(of)) ?? NONE
      return {
        arrivalPerSecond: perSecond(last.arrived - before.arrived, spanMs),
        servicePerSecond: perSecond(last.served - before.served, spanMs),
      }
    }
  }

  #sample(): Sample {
    const counts = new Map<string, Counts>()
    for (const tally of this.#tallies.tallies()) counts.set(keyOf(tally), countsOf(tally))
    return { atMs: this.#clock.monoMs(), counts }
  }

  /** The oldest that stays is the newest of those that are a minute old, so that the window is a minute long. */
  #keep(now: Sample): void {
    const last = this.#samples.at(-1)
    if (last && now.atMs - last.atMs < SAMPLE_EVERY_MS) return
    const all = [...this.#samples, now]
    const firstWithin = all.findIndex(({ atMs }) => now.atMs - atMs <= WINDOW_MS)
    this.#samples = all.slice(Math.max(0, firstWithin - 1))
  }
}

const NONE: Counts = { arrived: 0, served: 0 }

/** What has run to an end was served; what was cancelled or expired in line was not. */
function countsOf({ submitted, completed, failed }: FunctionTally): Counts {
  return { arrived: submitted, served: completed + failed }
}

function perSecond(count: number, spanMs: number): number {
  return Math.round((Math.max(0, count) * 100_000) / spanMs) / 100
}

function keyOf({ group, contract, function: name }: RatedFunction): string {
  return `${group}\n${contract}\n${name}`
}
