/**
 * What the core and the log were last told of one worker. Kept by a member, which speaks at every change of its
 * picture; the fleet has it speak again when the verdict has turned by news of others.
 * Invariant: the core hears of a worker only what differs from what it has heard before.
 */
import type { MemberContext } from './member-context.ts'
import { factsOf, type Picture } from './picture.ts'

type Hearers = Pick<MemberContext, 'contracts' | 'workforce' | 'clock' | 'log'>

export class Announcement {
  readonly #picture: Picture
  readonly #hearers: Hearers
  #lastFacts = ''
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
    const facts = factsOf(this.#picture)
    if (!facts) return
    const { functions: _, ...plain } = facts
    const until = facts.isInService ? null : (this.#picture.intent?.until ?? null)
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
