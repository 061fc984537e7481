/**
 * What the core says of a worker's past, as the API shows it. Kept by a member, asked at every look at
 * the fleet. The invariant: while the facts are the same so is the view, to the millisecond, although
 * the core's instants are of another clock; or every page would get a change four times a second.
 */
import type { WorkerView } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { BreakerFacts } from '../ports/workforce.ts'

type View = WorkerView['breaker']

export const CLOSED: View = { state: 'closed', since: null, until: null, reason: null, failures: 0 }

export class BreakerView {
  readonly #clock: Clock
  #facts: BreakerFacts | undefined
  #view: View = CLOSED

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Undefined facts: the core does not know the worker, which has no past then. */
  of(facts: BreakerFacts | undefined): View {
    if (!facts || isSame(facts, this.#facts)) return facts ? this.#view : CLOSED
    this.#facts = facts
    const { state, sinceAt, untilAt, reason = null, failures } = facts
    this.#view = { state, since: this.#instant(sinceAt), until: this.#instant(untilAt), reason, failures }
    return this.#view
  }

  #instant(at: number | undefined): string | null {
    if (at === undefined) return null
    return new Date(this.#clock.wallMs() + at - this.#clock.monoMs()).toISOString()
  }
}

function isSame(a: BreakerFacts, b: BreakerFacts | undefined): boolean {
  return (
    a.state === b?.state &&
    a.sinceAt === b.sinceAt &&
    a.untilAt === b.untilAt &&
    a.reason === b.reason &&
    a.failures === b.failures
  )
}
