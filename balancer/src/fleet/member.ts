/**
 * One worker of the list for as long as it is listed (and a little longer, until it has finished what
 * it runs): keeps the picture of it and reports to the core what happens. lifeline.ts dials and keeps its link,
 * greeting.ts leads from a hello to service, portrait.ts shows it.
 *
 * Invariant: the core hears of this worker as in service only while its link is open and greeted.
 */
import { isDeepStrictEqual } from 'node:util'
import {
  CLOSE,
  type FromWorker,
  type LogLevel,
  type Occupancy,
  type State,
  type WorkerEntry,
} from '@berth/protocol'
import type { WarmthOrder } from '../ports/fleet.ts'
import type { MaintenanceIntent } from '../ports/store.ts'
import type { Outcome } from '../ports/workforce.ts'
import { Announcement } from './announcement.ts'
import type { HeardCall } from './calls.ts'
import { DrainDeadline } from './drain-deadline.ts'
import { Greeting, type GreetingEvents } from './greeting.ts'
import type { PingAllowance } from './heartbeat.ts'
import type { KnownInterface } from './interfaces.ts'
import { Lifeline, type LifelineEvents, type LinkProgress } from './lifeline.ts'
import type { LogOrder } from './log-relay.ts'
import { isOver } from './maintenance.ts'
import { MaintenanceOrders } from './maintenance-orders.ts'
import type { MemberContext } from './member-context.ts'
import { newPicture, type Picture, type Problem, type Remembered } from './picture.ts'
import { Portrait } from './portrait.ts'
import { applyOccupancy, applyState, type SelfReport } from './self-report.ts'
import type { WorkerLink } from './worker-link.ts'

export class Member {
  readonly picture: Picture
  readonly portrait: Portrait
  hasAnswered = false
  readonly #context: MemberContext
  readonly #lifeline: Lifeline
  readonly #orders: MaintenanceOrders
  readonly #announcement: Announcement
  readonly #drainDeadline: DrainDeadline
  readonly #greeting: Greeting
  #isStopped = false
  #hasBadPush = false

  constructor(key: string, entry: WorkerEntry, context: MemberContext) {
    this.#context = context
    this.picture = newPicture(key, entry)
    this.#orders = new MaintenanceOrders(this.picture)
    this.#announcement = new Announcement(this.picture, context)
    this.#drainDeadline = new DrainDeadline(this.picture, context)
    const { picture } = this
    const lifeline = new Lifeline({ picture, context, events: this.#events })
    const claim = (bootId: string) => context.claimBoot(bootId, this)
    this.#lifeline = lifeline
    this.#greeting = new Greeting({ picture, context, lifeline, claim, events: this.#steps })
    this.portrait = new Portrait({ picture, context, lifeline })
  }

  get key(): string {
    return this.picture.key
  }

  get id(): string {
    return this.picture.entry.id
  }

  /** The link once it is greeted; undefined while there is none to send on. */
  get link(): WorkerLink | undefined {
    return this.#lifeline.link
  }

  /** Whether the process of this boot is still its own, though perhaps cut off for a moment. */
  holds(bootId: string): boolean {
    if (this.#isStopped || this.picture.report?.bootId !== bootId) return false
    return this.#lifeline.isAlive
  }

  /** What the store remembers from before this process. */
  recall(remembered: Remembered, known: KnownInterface): void {
    this.picture.remembered = remembered
    this.picture.known = known
    this.#announce()
  }

  start(): void {
    this.#announce()
    this.#lifeline.dial()
  }

  /** The entry as the list has it now: the same, changed in everything but its URL, or back. */
  update(entry: WorkerEntry): void {
    // Another key may be all that it takes.
    if (!isDeepStrictEqual(entry, this.picture.entry)) this.hurry()
    this.picture.entry = entry
    this.picture.isLeaving = false
    this.#passMaintenance()
    this.#announce()
  }

  /** Sets or ends an operator's maintenance; `isSwitchedOn` when it ends by an operator's `on`. */
  intend(intent: MaintenanceIntent | undefined, isSwitchedOn: boolean): void {
    const { picture } = this
    const mayObeyLate = picture.intent !== undefined || picture.isSwitchedOn
    picture.intent = intent
    picture.isSwitchedOn = isSwitchedOn
    this.#passMaintenance()
    // In service, with no order on its way, it has nothing to confirm: its next word is its own, and new.
    if (this.link && !mayObeyLate && picture.report?.status !== 'maintenance') picture.isSwitchedOn = false
    this.#announce()
    this.#drainDeadline.enforce()
  }

  /** Removed from the list: finishes what it runs, then `onGone`. */
  leave(): void {
    this.picture.isLeaving = true
    this.#announce()
    this.#finishLeaving()
  }

  /** What operators want kept ready of its group, all that has been said. */
  tellWarmth(group: string, order: WarmthOrder): void {
    if (this.picture.report?.group === group) this.link?.message({ type: 'warm', ...copyOf(order) })
  }

  /** Undefined: nobody follows them any more. `tail`: what it keeps of this level is wanted again. */
  followLogs(order: LogOrder | undefined, tail?: LogLevel): void {
    const { level, ...bounds } = order ?? { level: 'debug' }
    const wish = { ...bounds, fields: true, ...(tail === undefined ? {} : { tail }) }
    this.link?.message({ type: 'logs', follow: order !== undefined, level, ...wish })
  }

  /** The balancer stops: one of another make gets nothing more. */
  finish(): void {
    this.picture.isFinishing = true
    this.#announce()
  }

  /** It gets nothing more and still runs something whose end only this link can tell. */
  get isFinishing(): boolean {
    const { isForeign, isFinishing } = this.picture
    const isHeard = isForeign && isFinishing && this.link !== undefined
    return isHeard && this.#context.workforce.attemptsAt(this.key) > 0
  }

  /** Cuts the link without waiting for anything. */
  stop(reason: string): void {
    this.#isStopped = true
    this.#lifeline.stop(reason)
  }

  /** Called a few times a second: silence, pings as far as there are any left, maintenance that ends by itself. */
  sweep(nowMs: number, pings: PingAllowance): void {
    if (this.picture.isLeaving && this.#finishLeaving()) return
    const { intent } = this.picture
    if (intent && isOver(intent, this.#context.clock.wallMs())) this.#context.onIntentOver(this)
    this.#drainDeadline.enforce()
    if (this.#greeting.isDueAgain(nowMs)) this.#lifeline.close(CLOSE.goingAway, 'say hello again')
    this.#lifeline.watch(nowMs, pings)
  }

  /** This process stood still for so long: what it did not hear is nobody's silence. */
  forgive(ms: number): void {
    this.#lifeline.forgive(ms)
  }

  /** Dials now instead of later. */
  hurry(): void {
    this.#lifeline.hurry()
  }

  #dialFailed(kind: 'refused' | 'failed', reason: string): void {
    if (this.#isStopped) return
    if (kind === 'refused') this.#context.workforce.workerGone(this.key, this.#now())
    this.#suffer({ status: 'unreachable', reason })
    if (!this.picture.isLeaving || !this.#finishLeaving()) this.#lifeline.dialLater()
  }

  /** There is no link, and why; told once as long as it stays the same. */
  #suffer(problem: Problem): void {
    const { log } = this.#context
    if (this.picture.problem?.reason !== problem.reason)
      log.warn(problem.status === 'mismatch' ? 'worker refused' : 'worker unreachable', {
        worker: this.id,
        reason: problem.reason,
      })
    this.picture.problem = problem
    this.#announce()
    this.#answered()
  }

  // --- What the link tells ---------------------------------------------------------------------

  readonly #events: LifelineEvents = {
    onMessage: (message) => this.#onMessage(message),
    onFrame: () => this.#onFrame(),
    onOccupancy: (occupancy) => this.#onOccupancy(occupancy),
    onStarted: (attempt, isCold) => this.#context.workforce.started(this.key, attempt, this.#now(), isCold),
    onItem: (attempt, item) => this.#context.workforce.streamed(this.key, attempt, item, this.#now()),
    onFile: (attempt, piece) => this.#context.workforce.filed(this.key, attempt, piece, this.#now()),
    onReturned: (attempt, why) => {
      this.#context.workforce.returned(this.key, attempt, why, this.#now())
      if (this.picture.isLeaving) this.#finishLeaving()
    },
    onFinished: (attempt, outcome) => this.#onFinished(attempt, outcome),
    onCall: (attempt, call) => this.#onCall(attempt, call),
    onStray: (attempt) =>
      this.#context.log.warn('worker speaks of a task that it does not have', { worker: this.id, attempt }),
    onFault: (error) => this.#context.log.error('a frame could not be handled', { worker: this.id, error }),
    onFailed: (kind, reason) => this.#dialFailed(kind, reason),
    onDoubt: (reason) => this.#context.log.warn('worker of another make', { worker: this.id, reason }),
    onEnded: (was, code, reason) => this.#onEnded(was, code, reason),
    onSilent: (heardAtMs, nowMs) => this.#beSilent(heardAtMs, nowMs),
    onSlow: () => this.#answered(),
  }

  /** The answer goes to this link or nowhere: on the next one the worker asks no more. */
  #onCall(attempt: number, call: HeardCall): void {
    const { link } = this
    const { id } = call
    this.#context.calls.take(this.key, attempt, call, (...answer) => link?.callResult(attempt, id, ...answer))
  }

  #onFrame(): void {
    if (!this.picture.isSilent) return
    this.picture.isSilent = false
    this.#announce()
    this.#context.workforce.recovered(this.key, this.#now())
  }

  #onFinished(attempt: number, outcome: Outcome): void {
    const { workforce, log } = this.#context
    // First: with the freed slot the core may send the next task before it returns.
    if (log.writes('debug')) log.debug('task ended', { worker: this.id, attempt, outcome: outcome.outcome })
    workforce.finished(this.key, attempt, outcome, this.#now())
    if (this.picture.isLeaving) this.#finishLeaving()
  }

  #onOccupancy(occupancy: Occupancy): void {
    const { report, link } = this.picture
    if (link !== 'open' || !report) return
    const fate = applyOccupancy(report, occupancy)
    if (fate === 'taken') this.#tellSlots(report)
    if (fate === 'impossible') this.#notePush(occupancy)
  }

  /** Told once a link; a message of the wrong shape ends the link instead. */
  #notePush({ used, linked }: Occupancy): void {
    if (this.#hasBadPush) return
    this.#hasBadPush = true
    const text = 'worker reports slots that cannot be; what it said before counts'
    this.#context.log.warn(text, { worker: this.id, used, linked })
  }

  #onMessage(message: FromWorker): void {
    switch (message.type) {
      case 'ping':
        return this.#lifeline.message({ type: 'pong', id: message.id })
      case 'pong':
        return this.#onPong(message.id)
      case 'bye':
        this.#context.log.info('worker says goodbye', { worker: this.id, reason: message.reason })
        return
      case 'hello':
        if (this.picture.link === 'open' || this.#greeting.isPending)
          return this.#breach('a second hello on one link')
        return this.#greeting.begin(message)
    }
    if (this.#greeting.isPending) return this.#greeting.hold(message)
    if (this.picture.link !== 'open') return this.#breach(`${message.type} before hello`)
    if (message.type === 'state') this.#onState(message)
    else if (message.type === 'interface') this.#greeting.learn(message.hash, message.functions)
    else this.#context.onLogs(this, message.lines, message.dropped, message.tail)
  }

  readonly #steps: GreetingEvents = {
    onRefused: (reason) => this.#refuse(reason),
    onBreach: (reason) => this.#breach(reason),
    onGreeted: (status) => {
      this.#hasBadPush = false
      this.#noteSeen(status)
      this.#announce()
    },
    onWelcomed: () => {
      this.#passMaintenance()
      this.#drainDeadline.begin()
      const order = this.#context.resumeLogs(this)
      if (order !== undefined) this.followLogs(order)
    },
    onKnown: () => this.#onKnown(),
    onMessage: (message) => this.#onMessage(message),
  }

  #onKnown(): void {
    const { report } = this.picture
    if (!report) return
    const { log, clock, onKnown } = this.#context
    const { group, contract, interfaceHash } = report
    const seenAt = new Date(clock.wallMs()).toISOString()
    onKnown(this, { worker: this.id, group, contract, interfaceHash, seenAt })
    const warmth = this.#context.warmthOf(group)
    if (warmth) this.tellWarmth(group, warmth)
    this.#announce()
    this.#tellSlots(report)
    log.info('worker linked', { worker: this.id, group, contract, slots: report.slots.limit })
    this.#answered()
  }

  #onState(state: State): void {
    const { report, isSwitchedOn } = this.picture
    this.#lifeline.record.numbered(state.seq)
    this.#lifeline.record.stamped(state.at)
    const fate = report ? applyState(report, state) : 'older'
    if (!report || fate === 'older') return
    // Said with the order obeyed: whatever it says, nothing hides it any more.
    if (this.#orders.isObeyed) this.picture.isSwitchedOn = false
    this.#noteSeen(state.status)
    // Everybody has been told of that: what most pushes are.
    if (fate === 'same' && this.picture.isSwitchedOn === isSwitchedOn) return
    this.#announce()
    this.#tellSlots(report)
  }

  #noteSeen(status: State['status']): void {
    if (status !== 'maintenance') this.picture.isSwitchedOn = false
    this.picture.lastSeenMs = this.#context.clock.wallMs()
  }

  #tellSlots({ slots }: SelfReport): void {
    this.#context.workforce.pushed(this.key, slots.limit, slots.used - slots.linked, this.#now())
  }

  #onPong(id: number): void {
    this.#orders.onPong(id)
    this.#lifeline.onPong(id)
  }

  #onEnded(was: LinkProgress, code: number, reason: string): void {
    const { workforce, log } = this.#context
    this.#greeting.end()
    if (was.isGreeted) workforce.troubled(this.key, 'unlinked', this.#lifeline.heardAtMs, this.#now())
    this.#announce()
    if (this.#isStopped) return
    if (was.isKnown) log.warn('link to worker ended', { worker: this.id, code, reason })
    else if (this.picture.problem?.status !== 'mismatch')
      this.#suffer({
        status: 'unreachable',
        reason: `the link ended before it was of use (${code} ${reason})`,
      })
    if (!this.picture.isLeaving || !this.#finishLeaving()) this.#lifeline.redial(was)
  }

  // --- Towards the worker and the core ---------------------------------------------------------

  #now(): number {
    return this.#context.clock.monoMs()
  }

  #refuse(reason: string): void {
    this.#suffer({ status: 'mismatch', reason })
    this.#lifeline.close(CLOSE.mismatch, reason)
  }

  #breach(reason: string): void {
    this.#lifeline.close(CLOSE.protocolError, reason)
  }

  #passMaintenance(): void {
    this.#orders.pass(this.link, this.#lifeline.takePing)
  }

  /** Ends what it runs of ours: signal now, lost after SHUTDOWN_TIMEOUT. */
  empty(reason: string): void {
    this.#drainDeadline.empty(reason)
  }

  #beSilent(heardAtMs: number, nowMs: number): void {
    if (this.picture.isSilent) return
    this.picture.isSilent = true
    this.#context.log.warn('worker is silent', { worker: this.id })
    this.#context.workforce.troubled(this.key, 'silent', heardAtMs, nowMs)
    this.#announce()
  }

  /** Gives the core the present facts, if they differ from the last. */
  #announce(): void {
    this.#announcement.make()
  }

  /** The verdict on it may be another, though nothing of its own has changed. */
  announceAgain(): void {
    this.#announcement.repeat()
  }

  #answered(): void {
    if (this.hasAnswered) return
    this.hasAnswered = true
    this.#context.onAnswered(this)
  }

  /** True when it has left. */
  #finishLeaving(): boolean {
    if (this.#context.workforce.attemptsAt(this.key) > 0) return false
    this.#orders.lift(this.link)
    this.stop('removed from workers.json')
    this.#context.onGone(this)
    return true
  }
}

function copyOf({ all, on, off }: WarmthOrder) {
  return { ...(all === undefined ? {} : { all }), on: [...on], off: [...off] }
}
