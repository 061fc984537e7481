/**
 * What the core and the log were last told of one worker. Kept by a member, which speaks at every change of its
 * picture; the fleet has it speak again when the verdict has turned by news of others.
 * Invariant: the core hears of a worker only what differs from what it has heard before.
 */
import type { MemberContext } from './member-context.ts'
import { factsOf, judge, type Picture, takesCalls } from './picture.ts'

type Hearers = Pick<MemberContext, 'contracts' | 'workforce' | 'clock' | 'log'>

/** All that the facts rest on: while none of it is another, neither are they. Most pushes change none of it. */
interface Bases {
  readonly known: Picture['known']
  readonly remembered: Picture['remembered']
  readonly entry: Picture['entry']
  readonly tags: object | undefined
  readonly group: string | undefined
  readonly contract: number | undefined
  readonly status: string
  /** Until when it is out of service, where that is known. */
  readonly until: string | null
  readonly takesCalls: boolean
}

function basesOf(picture: Picture): Bases {
  const { known, remembered, entry, report, intent } = picture
  const verdict = judge(picture)
  const { status, isInService } = verdict
  return {
    known,
    remembered,
    entry,
    tags: report?.tags,
    group: report?.group,
    contract: report?.contract,
    status: isInService ? 'in service' : status,
    until: isInService ? null : (intent?.until ?? null),
    takesCalls: takesCalls(picture, verdict),
  }
}

function isSame(a: Bases, b: Bases): boolean {
  return (
    a.known === b.known &&
    a.remembered === b.remembered &&
    a.entry === b.entry &&
    a.tags === b.tags &&
    a.group === b.group &&
    a.contract === b.contract &&
    a.status === b.status &&
    a.until === b.until &&
    a.takesCalls === b.takesCalls
  )
}

export class Announcement {
  readonly #picture: Picture
  readonly #hearers: Hearers
  #lastFacts = ''
  #lastBases: Bases | undefined
  #isOdd = false

  constructor(picture: Picture, hearers: Hearers) {
    this.#picture = picture
    this.#hearers = hearers
  }

  /** Something of the worker itself has changed. */
  make(): void {
    this.#hearers.contracts.place(this.#picture)
    this.repeat()
  }

  /** The verdict on it may be another, though nothing of its own has changed. */
  repeat(): void {
    this.#noteOddity()
    const bases = basesOf(this.#picture)
    if (this.#lastBases && isSame(this.#lastBases, bases)) return
    this.#lastBases = bases
    const facts = factsOf(this.#picture)
    if (!facts) return
    const { functions: _, ...plain } = facts
    const { until } = bases
    const text = JSON.stringify([plain, until])
    if (text === this.#lastFacts) return
    this.#lastFacts = text
    const { workforce, clock } = this.#hearers
    const backAt = until === null ? undefined : this.#monoOf(until)
    workforce.setWorker({ ...facts, backAt }, clock.monoMs())
  }

  /** An instant of the wall clock as the core counts it. */
  #monoOf(instant: string): number {
    const { clock } = this.#hearers
    return clock.monoMs() + Date.parse(instant) - clock.wallMs()
  }

  #noteOddity(): void {
    const { oddity, entry } = this.#picture
    const reason = oddity?.reason
    if ((reason !== undefined) === this.#isOdd) return
    this.#isOdd = reason !== undefined
    const { log } = this.#hearers
    if (this.#isOdd)
      log.warn('worker set apart: it does not serve what the others serve', { worker: entry.id, reason })
    else log.info('worker serves what the others serve', { worker: entry.id })
  }
}
