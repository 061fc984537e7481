/**
 * From a worker's hello to its being known, on each link anew. Kept by a member, which passes on what comes before
 * it is known and hears how far it has come.
 *
 *   hello --looked up--> welcomed --its interface is known, or was told--> known
 *      \-- refused: another version of the link, or a process that another entry has
 *
 * Invariant: what comes behind a hello is heard behind its answer, in order, and nothing of a link that has ended.
 */
import { type FromWorker, type Hello, PROTOCOL_VERSION, type State } from '@berth/protocol'
import type { StartedThere } from '../ports/workforce.ts'
import type { Interfaces } from './interfaces.ts'
import type { Lifeline } from './lifeline.ts'
import type { MemberContext } from './member-context.ts'
import type { Picture } from './picture.ts'
import { reportFrom } from './self-report.ts'

export interface GreetingOptions {
  readonly picture: Picture
  readonly context: Pick<
    MemberContext,
    'clock' | 'log' | 'terms' | 'workforce' | 'interfaces' | 'recover' | 'remember'
  >
  readonly lifeline: Lifeline
  /** Takes a process for this member; the id of the one that has it already, if any. */
  readonly claim: (bootId: string) => string | undefined
  readonly events: GreetingEvents
}

export interface GreetingEvents {
  /** It is not what the entry says, or not what it says itself. */
  onRefused(reason: string): void
  /** It does not keep to the protocol. */
  onBreach(reason: string): void
  /** The picture is of this hello from now on. */
  onGreeted(status: State['status']): void
  /** It has heard its welcome: what else it has to be told may follow. */
  onWelcomed(): void
  /** It may take work from now on. */
  onKnown(): void
  /** What came while its hello was looked into. */
  onMessage(message: FromWorker): void
}

/** How long a link is kept on which not all that its worker has started is clear. */
const ASK_AGAIN_MS = 10_000
/** Messages that a worker may send while its hello is looked into. */
const MOST_HELD = 1_000
/** Boot ids that are remembered, to see that processes take turns at one address. */
const PAST_BOOTS = 8

export class Greeting {
  readonly #options: GreetingOptions
  /** What came behind a hello that is not answered yet. */
  #held: FromWorker[] | undefined
  /** When it is to say hello again, because not all of the last one could be looked up. */
  #asksAgainAtMs = Number.POSITIVE_INFINITY
  /** Boot ids before the present one, the newest last. */
  #pastBoots: readonly string[] = []

  constructor(options: GreetingOptions) {
    this.#options = options
  }

  /** A hello was heard and is not answered yet. */
  get isPending(): boolean {
    return this.#held !== undefined
  }

  /** Whether it is time to have it say hello again. */
  isDueAgain(nowMs: number): boolean {
    return nowMs >= this.#asksAgainAtMs
  }

  begin(hello: Hello): void {
    const { context, picture, lifeline, claim, events } = this.#options
    if (hello.protocol !== PROTOCOL_VERSION)
      return events.onRefused(`it speaks version ${hello.protocol} of the link, not ${PROTOCOL_VERSION}`)
    const twin = claim(hello.bootId)
    if (twin !== undefined) {
      lifeline.noteTwin()
      return events.onRefused(`the same process is linked as "${twin}"`)
    }
    const looking = context.recover(picture.key, hello.bootId, hello.started)
    if (!looking) return this.#greet(hello, hello.started)
    const held: FromWorker[] = []
    this.#held = held
    void looking.then((started) => {
      // The link may have ended meanwhile.
      if (this.#held !== held) return
      this.#held = undefined
      if (started.length < hello.started.length) this.#asksAgainAtMs = this.#now() + ASK_AGAIN_MS
      this.#greet(hello, started)
      for (const message of held) events.onMessage(message)
    })
  }

  /** While it is pending: heard later. */
  hold(message: FromWorker): void {
    if (!this.#held) return
    if (this.#held.length >= MOST_HELD)
      return this.#options.events.onBreach('too much before its hello was answered')
    this.#held.push(message)
  }

  /** What it was asked for, when nobody knew its interface. */
  learn(hash: string, functions: Parameters<Interfaces['learn']>[1]): void {
    const { picture, lifeline, context, events } = this.#options
    if (hash !== picture.report?.interfaceHash || lifeline.isKnown) return
    const known = context.interfaces.learn(hash, functions)
    if (!known) return events.onRefused('its interface does not have the hash that it announced')
    picture.known = known
    context.remember({ kind: 'interface-seen', hash, functions })
    this.#know()
  }

  /** The link is over. */
  end(): void {
    this.#held = undefined
    this.#asksAgainAtMs = Number.POSITIVE_INFINITY
  }

  /** `started` is what of its list is clear. */
  #greet(hello: Hello, started: readonly StartedThere[]): void {
    const { picture, context, lifeline, events } = this.#options
    const before = picture.report?.bootId
    if (before !== undefined && before !== hello.bootId) this.#noteOtherBoot(before, hello.bootId)
    lifeline.greet(hello)
    picture.problem = null
    picture.report = reportFrom(hello)
    picture.known = context.interfaces.get(hello.interface)
    events.onGreeted(hello.status)
    this.#welcome(hello.bootId, started)
    events.onWelcomed()
    if (picture.known) this.#know()
    else lifeline.message({ type: 'interface', hash: hello.interface })
  }

  /** The process has been replaced, unless it is one that was here before: then they share an address. */
  #noteOtherBoot(before: string, now: string): void {
    const { picture, context } = this.#options
    context.workforce.workerGone(picture.key, this.#now())
    if (this.#pastBoots.includes(now))
      context.log.warn('several processes answer at one address by turns; give each an entry of its own', {
        worker: picture.entry.id,
        boot: now,
      })
    this.#pastBoots = [...this.#pastBoots.filter((boot) => boot !== before), before].slice(-PAST_BOOTS)
  }

  #welcome(boot: string, started: readonly StartedThere[]): void {
    const { picture, context, lifeline } = this.#options
    const taken = context.workforce.relinked(picture.key, started, this.#now(), boot)
    const adopt = taken.map(({ run, fence, task }) => ({ run, fence, task }))
    const { name, bootId, heartbeatIntervalMs, heartbeatTimeoutMs, leaseMs, fileLimitBytes } = context.terms
    const limits = fileLimitBytes === undefined ? {} : { fileLimitBytes }
    const heartbeat = { heartbeatIntervalMs, heartbeatTimeoutMs, leaseMs, ...limits }
    const { link } = lifeline
    link?.adopt(adopt.map(({ task }) => task))
    link?.message({ type: 'welcome', protocol: PROTOCOL_VERSION, name, bootId, ...heartbeat, adopt })
    // Taken over to be forgotten: what still runs of it ends first.
    for (const { task, isLate } of taken) if (isLate) link?.cancel(task, 'superseded')
  }

  #know(): void {
    this.#options.lifeline.noteKnown()
    this.#options.events.onKnown()
  }

  #now(): number {
    return this.#options.context.clock.monoMs()
  }
}
