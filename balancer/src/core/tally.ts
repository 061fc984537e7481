/**
 * Counts what becomes of tasks, by function: a few integers at acceptance and at the end (settlements.ts,
 * intake.ts), read once a second by whoever makes series of them (ports/tallies.ts).
 * Invariants: nothing is allocated a task; what has no lane is counted under `rest`, so that the sum is everything.
 */
import { bucketOf, HISTOGRAM } from '@berth/protocol'
import type { Settlement } from '../ports/submission.ts'
import type { AttemptTally, FunctionTally } from '../ports/tallies.ts'

/** Further functions share one. */
const MAX_FUNCTIONS = 1_000

export interface TallyNeeds {
  readonly group: string
  readonly contract: number
  readonly function: string
}

export class Tally implements FunctionTally {
  readonly group: string
  readonly contract: number
  readonly function: string
  submitted = 0
  completed = 0
  failed = 0
  cancelled = 0
  expired = 0
  readonly queue = new Uint32Array(HISTOGRAM.buckets)
  readonly run = new Uint32Array(HISTOGRAM.buckets)

  constructor({ group, contract, function: name }: TallyNeeds) {
    this.group = group
    this.contract = contract
    this.function = name
  }

  ended(
    status: 'completed' | 'failed' | 'cancelled' | 'expired',
    { queueMs, runMs }: Settlement,
    hasRun: boolean,
  ): void {
    this[status]++
    const waited = bucketOf(queueMs)
    this.queue[waited] = (this.queue[waited] ?? 0) + 1
    if (!hasRun) return
    const ran = bucketOf(runMs)
    this.run[ran] = (this.run[ran] ?? 0) + 1
  }
}

export class Tallies {
  readonly rest = new Tally({ group: '', contract: 0, function: '' })
  readonly #byFunction = new Map<string, Tally>()

  of(needs: TallyNeeds): Tally {
    const key = `${needs.group}\n${needs.contract}\n${needs.function}`
    const known = this.#byFunction.get(key)
    if (known) return known
    if (this.#byFunction.size >= MAX_FUNCTIONS) return this.rest
    const fresh = new Tally(needs)
    this.#byFunction.set(key, fresh)
    return fresh
  }

  *all(): Iterable<Tally> {
    yield this.rest
    yield* this.#byFunction.values()
  }
}

/** How attempts went at one worker. */
export class WorkerTally implements AttemptTally {
  ok = 0
  error = 0
  timeout = 0
  cancelled = 0

  ended(outcome: 'completed' | 'failed' | 'refused' | 'cancelled' | 'timeout' | 'lost'): void {
    if (outcome === 'completed') this.ok++
    else if (outcome === 'timeout') this.timeout++
    else if (outcome === 'cancelled') this.cancelled++
    else if (outcome !== 'refused') this.error++
  }
}
