/**
 * One worker of the list for as long as it is listed (and a little longer, until it has finished what
 * it runs): dials it, keeps the link and the picture, reports to the core what happens.
 *
 *   dialling --open--> linked --hello, interface--> in service
 *      ^  |              |
 *      |  +-- failed ----+-- closed: the core is told at once; the next dial comes at once, then
 *      +----- later <-------           with growing delay up to WORKER_DISCOVERY_INTERVAL
 */
import { randomInt } from 'node:crypto'
import {
  CLOSE,
  type FromWorker,
  type Hello,
  type LogEntry,
  type Occupancy,
  PROTOCOL_VERSION,
  type Slots,
  type State,
  type WorkerEntry,
  type WorkerView,
} from '@berth/protocol'
import { type Backoff, type Clock, createBackoff, type Log } from '@berth/runtime'
import type { Outcome, WorkforcePort } from '../ports/scheduling.ts'
import type { MaintenanceIntent, StoreWrite } from '../ports/store.ts'
import { dial } from './dial.ts'
import type { Interfaces, KnownInterface } from './interfaces.ts'
import { Link, type LinkEvents } from './link.ts'
import { LogRelay } from './log-relay.ts'
import { factsOf, judge, type Picture, reportFrom, viewOf } from './picture.ts'

/** Terms that all members share. Durations in milliseconds. */
export interface MemberTerms {
  readonly name: string
  readonly bootId: string
  readonly fleetKey: string
  readonly workerKey: string
  readonly discoveryIntervalMs: number
  readonly discoveryTimeoutMs: number
  readonly heartbeatIntervalMs: number
  readonly heartbeatTimeoutMs: number
  readonly leaseMs: number
  readonly resultLimitBytes: number
}

/** What a member needs of its fleet. */
export interface MemberContext {
  readonly terms: MemberTerms
  readonly clock: Clock
  readonly log: Log
  readonly workforce: WorkforcePort
  readonly interfaces: Interfaces
  /** Waits for its turn among the dials that may be under way at once. */
  readonly takeDialTurn: () => Promise<() => void>
  /** The other member that this process is already linked as, if any. */
  readonly findTwin: (bootId: string, member: Member) => Member | undefined
  readonly remember: (write: StoreWrite) => void
  /** It has answered or failed for the first time. */
  readonly onAnswered: () => void
  /** It leaves and runs nothing any more. */
  readonly onGone: (member: Member) => void
}

const FIRST_RETRY_MS = 100

export class Member {
  readonly picture: Picture
  readonly logs: LogRelay
  hasAnswered = false
  readonly #context: MemberContext
  readonly #backoff: Backoff
  #link: Link | undefined
  #redial: NodeJS.Timeout | undefined
  #lastSeenMs = 0
  #pingedAtMs = 0
  #pingId = 0
  /** An operator's `on` that has not reached the worker yet. */
  #owesOn = false
  #isStopped = false
  #lastFacts = ''

  constructor(key: string, entry: WorkerEntry, context: MemberContext) {
    this.#context = context
    this.picture = {
      key,
      entry,
      isLeaving: false,
      link: 'none',
      problem: null,
      mismatch: null,
      isSilent: false,
      report: undefined,
      known: undefined,
      remembered: undefined,
      intent: undefined,
      lastSeenAt: null,
      latencyMs: null,
    }
    this.logs = new LogRelay((follow) => this.#link?.message({ type: 'logs', follow, level: 'debug' }))
    const { discoveryIntervalMs } = context.terms
    this.#backoff = createBackoff({ baseMs: FIRST_RETRY_MS, maxMs: discoveryIntervalMs })
  }

  get key(): string {
    return this.picture.key
  }

  get view(): WorkerView {
    return viewOf(this.picture)
  }

  /** The open link; undefined while there is none to send on. */
  get link(): Link | undefined {
    return this.#link
  }

  /** What the store remembers from before this process. */
  recall(group: string, contract: number, known: KnownInterface): void {
    this.picture.remembered = { group, contract }
    this.picture.known = known
    this.#announce()
  }

  start(): void {
    this.#announce()
    void this.#dial()
  }

  /** The entry has changed in everything but its URL. */
  update(entry: WorkerEntry): void {
    const hadMaintenance = this.picture.entry.maintenance
    this.picture.entry = entry
    this.picture.isLeaving = false
    if (this.picture.report) this.picture.mismatch = this.#groupMismatch(this.picture.report.group)
    if (hadMaintenance !== entry.maintenance) this.#passMaintenance()
    this.#announce()
  }

  /** Sets or ends an operator's maintenance. */
  intend(intent: MaintenanceIntent | undefined): void {
    this.picture.intent = intent
    this.#owesOn = intent === undefined
    this.#passMaintenance()
    this.#announce()
  }

  /** Removed from the list: finishes what it runs, then `onGone`. */
  leave(): void {
    this.picture.isLeaving = true
    this.#announce()
    this.#finishLeaving()
  }

  /** Cuts the link without waiting for anything. */
  stop(reason: string): void {
    this.#isStopped = true
    clearTimeout(this.#redial)
    this.#link?.message({ type: 'bye', reason })
    this.#link?.close(CLOSE.goingAway, reason)
  }

  /** Called a few times a second: silence, pings, maintenance that ends by itself. */
  sweep(nowMs: number): void {
    const { heartbeatIntervalMs, heartbeatTimeoutMs, leaseMs } = this.#context.terms
    if (this.picture.isLeaving) this.#finishLeaving()
    const { intent } = this.picture
    if (intent?.until && Date.parse(intent.until) <= this.#context.clock.wallMs()) this.#endIntent()
    if (!this.#link) return
    const silentMs = nowMs - this.#lastSeenMs
    if (silentMs > leaseMs) return this.#link.terminate()
    if (silentMs > heartbeatIntervalMs + heartbeatTimeoutMs) this.#beSilent(nowMs)
    if (nowMs - this.#pingedAtMs >= heartbeatIntervalMs) this.#ping(nowMs)
  }

  /** The process stood still for so long: what it did not hear is nobody's silence. */
  forgive(ms: number): void {
    this.#lastSeenMs += ms
  }

  // --- Dialling --------------------------------------------------------------------------------

  async #dial(): Promise<void> {
    if (this.#isStopped || this.#link) return
    this.picture.link = 'dialling'
    const release = await this.#context.takeDialTurn()
    if (this.#isStopped) return release()
    const { fleetKey, workerKey, discoveryTimeoutMs } = this.#context.terms
    const { url, key } = this.picture.entry
    const dialled = await dial({ url, fleetKey, workerKey: key ?? workerKey, timeoutMs: discoveryTimeoutMs })
    release()
    if (dialled.kind !== 'open') return this.#dialFailed(dialled.kind, dialled.reason)
    if (this.#isStopped) return dialled.socket.terminate()
    const { clock, terms } = this.#context
    this.#lastSeenMs = clock.monoMs()
    this.#pingedAtMs = this.#lastSeenMs
    const { resultLimitBytes } = terms
    this.#link = new Link({ socket: dialled.socket, clock, resultLimitBytes, events: this.#events })
    this.picture.link = 'open'
  }

  #dialFailed(kind: 'refused' | 'failed', reason: string): void {
    const { workforce, clock, log } = this.#context
    if (this.picture.problem !== reason)
      log.warn('worker unreachable', { worker: this.picture.entry.id, reason })
    this.picture.link = 'none'
    this.picture.problem = reason
    if (kind === 'refused') workforce.workerGone(this.key, clock.monoMs())
    this.#announce()
    this.#answered()
    if (this.picture.isLeaving) return this.#finishLeaving()
    this.#redialIn(this.#backoff.next())
  }

  #redialIn(ms: number): void {
    if (this.#isStopped) return
    clearTimeout(this.#redial)
    this.#redial = setTimeout(() => void this.#dial(), ms)
    this.#redial.unref()
  }

  // --- What the link tells ---------------------------------------------------------------------

  readonly #events: LinkEvents = {
    onMessage: (message) => this.#onMessage(message),
    onFrame: () => this.#onFrame(),
    onOccupancy: (occupancy) => this.#onOccupancy(occupancy),
    onStarted: (attempt) => this.#context.workforce.started(this.key, attempt, this.#context.clock.monoMs()),
    onReturned: (attempt, why) =>
      this.#context.workforce.returned(this.key, attempt, why, this.#context.clock.monoMs()),
    onFinished: (attempt, outcome) => this.#onFinished(attempt, outcome),
    onClosed: (code, reason) => this.#onClosed(code, reason),
  }

  #onFrame(): void {
    const { clock, workforce } = this.#context
    this.#lastSeenMs = clock.monoMs()
    if (!this.picture.isSilent) return
    this.picture.isSilent = false
    workforce.recovered(this.key, this.#lastSeenMs)
    this.#announce()
  }

  #onFinished(attempt: number, outcome: Outcome): void {
    const { workforce, clock, log } = this.#context
    workforce.finished(this.key, attempt, outcome, clock.monoMs())
    log.debug('task ended', { worker: this.picture.entry.id, attempt, outcome: outcome.outcome })
    if (this.picture.isLeaving) this.#finishLeaving()
  }

  #onOccupancy(occupancy: Occupancy): void {
    const { report } = this.picture
    if (!report || occupancy.seq < report.seq) return
    const { used, linked, queued } = occupancy
    if (linked > used || used > 2 * report.slots.limit + 1_000) return
    report.seq = occupancy.seq
    this.#takeSlots({ ...report.slots, used, linked, queued })
  }

  #onMessage(message: FromWorker): void {
    switch (message.type) {
      case 'hello':
        return this.#onHello(message)
      case 'state':
        return this.#onState(message)
      case 'interface':
        return this.#learn(message.hash, message.functions)
      case 'logs':
        return this.logs.deliver(message.lines as readonly LogEntry[], message.dropped)
      case 'ping':
        return this.#link?.message({ type: 'pong', id: message.id })
      case 'pong':
        if (message.id === this.#pingId) this.#notePong()
        return
      case 'bye':
        this.#context.log.info('worker says goodbye', {
          worker: this.picture.entry.id,
          reason: message.reason,
        })
    }
  }

  #onHello(hello: Hello): void {
    if (hello.protocol !== PROTOCOL_VERSION)
      return this.#refuse(
        CLOSE.mismatch,
        `it speaks version ${hello.protocol} of the link, not ${PROTOCOL_VERSION}`,
      )
    const twin = this.#context.findTwin(hello.bootId, this)
    if (twin)
      return this.#refuse(CLOSE.mismatch, `the same process is in the list as "${twin.picture.entry.id}"`)
    const { workforce, clock, interfaces, terms } = this.#context
    const before = this.picture.report?.bootId
    this.picture.problem = null
    this.picture.report = reportFrom(hello)
    this.picture.mismatch = this.#groupMismatch(hello.group)
    this.picture.known = interfaces.get(hello.interface)
    this.picture.lastSeenAt = new Date(clock.wallMs()).toISOString()
    if (before !== undefined && before !== hello.bootId) workforce.workerGone(this.key, clock.monoMs())
    this.#announce()
    const adopt = workforce.relinked(this.key, hello.started, clock.monoMs())
    const { name, bootId, heartbeatIntervalMs, heartbeatTimeoutMs, leaseMs } = terms
    const heartbeat = { heartbeatIntervalMs, heartbeatTimeoutMs, leaseMs }
    this.#link?.message({ type: 'welcome', protocol: PROTOCOL_VERSION, name, bootId, ...heartbeat, adopt })
    this.#passMaintenance()
    this.#takeSlots(hello.slots)
    if (this.logs.isFollowed) this.#link?.message({ type: 'logs', follow: true, level: 'debug' })
    if (this.picture.known) this.#ready()
    else this.#link?.message({ type: 'interface', hash: hello.interface })
  }

  #learn(hash: string, functions: Parameters<Interfaces['learn']>[1]): void {
    if (hash !== this.picture.report?.interfaceHash) return
    const known = this.#context.interfaces.learn(hash, functions)
    if (!known) return this.#refuse(CLOSE.protocolError, 'its interface does not have the hash it announced')
    this.picture.known = known
    this.#context.remember({ kind: 'interface-seen', hash, functions })
    this.#ready()
  }

  /** Everything is known: it may take work from now on. */
  #ready(): void {
    const { report, entry } = this.picture
    if (!report) return
    const { log, clock, remember } = this.#context
    this.#backoff.reset()
    const { group, contract, interfaceHash } = report
    const seenAt = new Date(clock.wallMs()).toISOString()
    remember({ kind: 'worker-known', known: { worker: entry.id, group, contract, interfaceHash, seenAt } })
    this.#announce()
    this.#takeSlots(report.slots)
    log.info('worker linked', { worker: entry.id, group, contract, slots: report.slots.limit })
    this.#answered()
  }

  #onState(state: State): void {
    const { report } = this.picture
    if (!report || state.seq < report.seq) return
    report.seq = state.seq
    report.status = state.status
    report.reason = state.reason
    if (state.tags) report.tags = state.tags
    if (state.services) report.services = state.services
    if (state.system) report.system = state.system
    this.picture.lastSeenAt = new Date(this.#context.clock.wallMs()).toISOString()
    this.#announce()
    this.#takeSlots(state.slots)
  }

  #takeSlots(slots: Slots): void {
    const { report } = this.picture
    if (!report) return
    report.slots = slots
    const foreign = Math.max(0, slots.used - slots.linked)
    this.#context.workforce.pushed(this.key, slots.limit, foreign, this.#context.clock.monoMs())
  }

  #onClosed(code: number, reason: string): void {
    const { workforce, clock, log } = this.#context
    this.#link = undefined
    this.picture.link = 'none'
    this.picture.isSilent = false
    workforce.troubled(this.key, 'unlinked', this.#lastSeenMs, clock.monoMs())
    this.#announce()
    if (this.#isStopped) return
    log.warn('link to worker ended', { worker: this.picture.entry.id, code, reason })
    if (this.picture.isLeaving && workforce.attemptsAt(this.key) === 0) return this.#finishLeaving()
    this.#redialIn(code === CLOSE.mismatch ? this.#context.terms.discoveryIntervalMs : randomInt(0, 20))
  }

  // --- Towards the worker and the core ---------------------------------------------------------

  #refuse(code: number, reason: string): void {
    this.picture.mismatch = reason
    this.picture.problem = reason
    this.#context.log.warn('worker refused', { worker: this.picture.entry.id, reason })
    this.#announce()
    this.#link?.close(code, reason)
    this.#answered()
  }

  #groupMismatch(group: string): string | null {
    const expected = this.picture.entry.group
    if (expected === undefined || expected === group) return null
    return `it serves group "${group}", workers.json expects "${expected}"`
  }

  /** Tells the worker what file and operator want, so that its own /health agrees. */
  #passMaintenance(): void {
    if (!this.#link || !this.picture.report) return
    const { entry, intent } = this.picture
    const on = entry.maintenance || intent !== undefined
    const by = this.#owesOn || (intent && !entry.maintenance) ? 'operator' : 'file'
    if (!on && by === 'operator') this.#owesOn = false
    const reason = intent?.reason ?? undefined
    const until = intent?.until ?? undefined
    this.#link.message({
      type: 'maintenance',
      on,
      by,
      ...(reason ? { reason } : {}),
      ...(until ? { until } : {}),
    })
  }

  #endIntent(): void {
    this.#context.remember({ kind: 'intent-cleared', worker: this.picture.entry.id })
    this.#context.log.info('maintenance ended by itself', { worker: this.picture.entry.id })
    this.intend(undefined)
  }

  #beSilent(nowMs: number): void {
    if (this.picture.isSilent) return
    this.picture.isSilent = true
    this.#context.log.warn('worker is silent', { worker: this.picture.entry.id })
    this.#context.workforce.troubled(this.key, 'silent', this.#lastSeenMs, nowMs)
    this.#announce()
    this.#answered()
  }

  #ping(nowMs: number): void {
    this.#pingedAtMs = nowMs
    this.#pingId = (this.#pingId + 1) % 0x1_0000_0000
    this.#link?.message({ type: 'ping', id: this.#pingId })
  }

  #notePong(): void {
    this.picture.latencyMs = Math.round((this.#context.clock.monoMs() - this.#pingedAtMs) * 10) / 10
  }

  /** Gives the core the present facts, if they differ from the last. */
  #announce(): void {
    const facts = factsOf(this.picture)
    if (!facts) return
    const { functions: _, ...plain } = facts
    const text = JSON.stringify(plain)
    if (text === this.#lastFacts) return
    this.#lastFacts = text
    this.#context.workforce.setWorker(facts, this.#context.clock.monoMs())
  }

  #answered(): void {
    if (this.hasAnswered) return
    this.hasAnswered = true
    this.#context.onAnswered()
  }

  #finishLeaving(): void {
    if (this.#context.workforce.attemptsAt(this.key) > 0) return
    this.stop('removed from workers.json')
    this.#context.onGone(this)
  }

  /** For logs and errors. */
  get status(): string {
    return judge(this.picture).status
  }
}
