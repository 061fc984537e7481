/**
 * The end of a worker's drain: past the deadline of an operator's maintenance what still runs there of ours is told
 * to end. Kept by a member, which asks after every welcome, at every change and a few times a second.
 * Invariant: a deadline is carried out once a link, and again on every new one.
 */
import type { MaintenanceIntent } from '../ports/store.ts'
import { isPastDeadline } from './maintenance.ts'
import type { MemberContext } from './member-context.ts'
import type { Picture } from './picture.ts'

type Means = Pick<MemberContext, 'workforce' | 'terms' | 'clock' | 'log'>

export class DrainDeadline {
  readonly #picture: Picture
  readonly #means: Means
  /** Whose deadline has been enforced on the present link. */
  #enforced: MaintenanceIntent | undefined

  constructor(picture: Picture, means: Means) {
    this.#picture = picture
    this.#means = means
  }

  /** A new link. */
  begin(): void {
    this.#enforced = undefined
    this.enforce()
  }

  enforce(): void {
    const { intent } = this.#picture
    if (!intent || this.#enforced === intent || !isPastDeadline(intent, this.#means.clock.wallMs())) return
    this.#enforced = intent
    this.empty('its drain has reached the deadline')
  }

  /** Ends what it runs of ours: signal now, lost after SHUTDOWN_TIMEOUT. */
  empty(reason: string): void {
    const { workforce, terms, clock, log } = this.#means
    const { key, entry } = this.#picture
    const running = workforce.attemptsAt(key)
    if (running > 0) log.warn('running tasks are told to end', { worker: entry.id, running, reason })
    workforce.emptyWorker(key, terms.shutdownTimeoutMs, clock.monoMs())
  }
}
