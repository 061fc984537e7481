/**
 * The line to one worker: dials it, keeps the link that comes of it and its signs of life, and dials again
 * when it has ended. Owned by a member, which hears what the link tells and says when to give up.
 *
 *   dialling --open--> greeting --hello--> open (greeted by the member)
 *      ^  |               |                 |
 *      |  +-- failed -----+-- ended --------+
 *      +-- at once after a link that lasted, else with growing delay up to WORKER_DISCOVERY_INTERVAL,
 *          longer for an entry among many that were never linked
 *
 * Invariant: at most one link, and no dial while there is one.
 */
import { CLOSE, type Hello } from '@berth/protocol'
import type { Opened } from './dial.ts'
import { Dialler, stretchOf } from './dialler.ts'
import { ForeignLink } from './foreign/foreign-link.ts'
import { Heartbeat, type PingAllowance } from './heartbeat.ts'
import { Link } from './link.ts'
import { LinkRecord } from './link-record.ts'
import type { MemberContext } from './member-context.ts'
import type { Picture } from './picture.ts'
import type { LinkEvents, Unstamped, WorkerLink } from './worker-link.ts'

export interface LifelineOptions {
  readonly picture: Picture
  readonly context: Pick<
    MemberContext,
    'clock' | 'terms' | 'dialTurns' | 'strangers' | 'callInputs' | 'openFile'
  >
  readonly events: LifelineEvents
}

export interface LifelineEvents extends Omit<LinkEvents, 'onClosed'> {
  /** No link came of a dial. */
  onFailed(kind: 'refused' | 'failed', reason: string): void
  /** It can be used, though not as well as it might; told once a fault. */
  onDoubt(reason: string): void
  /** The link is over; `was` is how far it had come. */
  onEnded(was: LinkProgress, code: number, reason: string): void
  /** Nothing was heard for longer than the heartbeat allows, the link stands; again at every look. */
  onSilent(heardAtMs: number, nowMs: number): void
  /** It has not said what it can do for as long as a dial may take; again at every look. */
  onSlow(): void
}

export interface LinkProgress {
  readonly isGreeted: boolean
  /** It was in service, or could have been. */
  readonly isKnown: boolean
}

export class Lifeline {
  /** Over all links. */
  readonly record: LinkRecord
  readonly #options: LifelineOptions
  readonly #dialler: Dialler
  readonly #heartbeat: Heartbeat
  #link: WorkerLink | undefined
  #openedAtMs = 0
  /** Refused because its process is linked under another entry. */
  #isTwin = false
  #wasKnown = false

  constructor(options: LifelineOptions) {
    const { dialTurns, terms } = options.context
    const { fleetKey, workerKey, discoveryIntervalMs, discoveryTimeoutMs: timeoutMs } = terms
    this.#options = options
    this.record = new LinkRecord(options.context.clock)
    this.#heartbeat = new Heartbeat(terms)
    this.#dialler = new Dialler({
      turns: dialTurns,
      intervalMs: discoveryIntervalMs,
      target: () => {
        const { url, key } = options.picture.entry
        return { url, fleetKey, workerKey: key ?? workerKey, timeoutMs }
      },
      onOpen: (dialled) => this.#open(dialled),
      onFailed: (kind, reason) => options.events.onFailed(kind, reason),
    })
  }

  /** The link once it is greeted; undefined while there is none to send on. */
  get link(): WorkerLink | undefined {
    return this.#options.picture.link === 'open' ? this.#link : undefined
  }

  get isKnown(): boolean {
    const { link, known } = this.#options.picture
    return link === 'open' && known !== undefined
  }

  /** The worker's process may still be alive, as far as anybody has heard. */
  get isAlive(): boolean {
    return this.link !== undefined || this.#heartbeat.judge(this.#now()) !== 'lost'
  }

  // --- Dialling --------------------------------------------------------------------------------

  dial(): void {
    void this.#dialler.dial()
  }

  /** Dials now instead of later. */
  hurry(): void {
    if (!this.#link) this.#dialler.dialAtOnce()
  }

  dialLater(): void {
    const { terms, strangers } = this.#options.context
    this.#dialler.dialLater(this.#wasKnown ? 1 : stretchOf(strangers(), terms.discoveryIntervalMs))
  }

  /** A link that lasted is dialled again at once; one that did not, as after a failed dial. */
  redial({ isKnown }: LinkProgress): void {
    const { discoveryIntervalMs, leaseMs } = this.#options.context.terms
    // Each hello makes the worker hold back for a moment, and only a change of the list helps here.
    if (this.#isTwin) this.#dialler.dialIn(Math.max(leaseMs, discoveryIntervalMs))
    else if (isKnown && this.#now() - this.#openedAtMs >= discoveryIntervalMs) this.#dialler.dialAtOnce()
    else this.dialLater()
  }

  // --- The link --------------------------------------------------------------------------------

  #open(dialled: Opened): void {
    const { context, picture, events } = this.#options
    const { clock, terms, callInputs, openFile } = context
    const { resultLimitBytes, discoveryIntervalMs: intervalMs } = terms
    this.#isTwin = false
    this.#openedAtMs = this.#now()
    picture.link = 'greeting'
    picture.isForeign = dialled.kind === 'foreign'
    const onFrame = () => {
      this.#heartbeat.heard(this.#now())
      events.onFrame()
    }
    const onClosed = (code: number, reason: string) => this.#ended(code, reason)
    const heard = { ...events, onFrame, onClosed }
    const means = { clock, resultLimitBytes, events: heard }
    if (dialled.kind === 'foreign')
      this.#link = new ForeignLink({
        ...means,
        ...dialled,
        intervalMs,
        onFault: (why) => events.onDoubt(why),
      })
    else this.#link = new Link({ ...means, ...dialled, callInputs, openFile, trace: this.record })
  }

  /** Its hello was good. */
  greet({ bootId, seq }: Pick<Hello, 'bootId' | 'seq'>): void {
    this.#heartbeat.begin(this.#now())
    this.record.greeted(bootId, seq)
    this.#options.picture.link = 'open'
  }

  /** Everything is known of it. */
  noteKnown(): void {
    this.#wasKnown = true
  }

  /** Its process is linked under another entry. */
  noteTwin(): void {
    this.#isTwin = true
  }

  /** Says something on the link, greeted or not. */
  message(message: Unstamped): void {
    this.#link?.message(message)
  }

  close(code: number, reason: string): void {
    this.#link?.close(code, reason)
  }

  /** Cuts the link without waiting for anything; nobody is dialled any more. */
  stop(reason: string): void {
    this.#dialler.stop()
    this.#link?.message({ type: 'bye', reason })
    this.#link?.close(CLOSE.goingAway, reason)
  }

  #ended(code: number, reason: string): void {
    const { picture, events } = this.#options
    const was = { isGreeted: picture.link === 'open', isKnown: this.isKnown }
    this.#link = undefined
    this.record.ended()
    picture.link = 'none'
    picture.isSilent = false
    picture.latencyMs = null
    events.onEnded(was, code, reason)
  }

  // --- Signs of life ---------------------------------------------------------------------------

  get heardAtMs(): number {
    return this.#heartbeat.heardAtMs
  }

  takeGapMs(): number | null {
    return this.#heartbeat.takeGapMs(this.#now())
  }

  /** The id of a ping that is sent now, due or not. */
  readonly takePing = (): number => this.#heartbeat.ping(this.#now())

  onPong(id: number): void {
    this.#heartbeat.pong(id, this.#now())
    this.#options.picture.latencyMs = this.#heartbeat.latencyMs
  }

  /** This process stood still for so long: what it did not hear is nobody's silence. */
  forgive(ms: number): void {
    this.#heartbeat.forgive(ms)
    this.#openedAtMs += ms
  }

  /** Looks at the link a few times a second. */
  watch(nowMs: number, pings: PingAllowance): void {
    if (this.link) this.#watchSilence(nowMs, pings)
    if (this.#link && !this.isKnown) this.#watchGreeting(nowMs)
  }

  #watchSilence(nowMs: number, pings: PingAllowance): void {
    const life = this.#heartbeat.judge(nowMs)
    if (life === 'lost') return this.close(CLOSE.silent, 'silent for longer than WORKER_LEASE')
    if (life === 'silent') this.#options.events.onSilent(this.heardAtMs, nowMs)
    const id = this.#heartbeat.takePing(nowMs, pings)
    if (id !== undefined) this.message({ type: 'ping', id })
  }

  /** The rest of the fleet waits for nobody's first word longer than for a dial. */
  #watchGreeting(nowMs: number): void {
    const { discoveryTimeoutMs, leaseMs } = this.#options.context.terms
    const waitedMs = nowMs - this.#openedAtMs
    if (waitedMs > discoveryTimeoutMs) this.#options.events.onSlow()
    if (waitedMs > leaseMs) this.close(CLOSE.protocolError, 'it did not say what it can do')
  }

  #now(): number {
    return this.#options.context.clock.monoMs()
  }
}
