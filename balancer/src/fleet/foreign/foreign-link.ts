/**
 * A worker of another make behind the face of a link: what the member says of it goes out as HTTP requests, what it says
 * comes back as a hello, states and outcomes. Made by a lifeline when a dial has met one; heard through the same
 * `LinkEvents` as a link of our own, so that nothing behind them knows the difference.
 * Invariants: whatever was sent has started, as far as anybody can tell, and is said so at once; nothing is told after
 * `onClosed`, and nothing before the call that caused it returns. What runs when it closes is judged by the core, as of
 * any link: each time the worker is met it is another process.
 */
import { createHash, randomUUID } from 'node:crypto'
import { Agent } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import { CLOSE, canonicalJson, type FromWorker, PROTOCOL_VERSION } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { Assignment } from '../../ports/dispatch.ts'
import type { Outcome } from '../../ports/workforce.ts'
import { UNKNOWN_SYSTEM } from '../self-report.ts'
import type { LinkEvents, Unstamped, WorkerLink } from '../worker-link.ts'
import { ForeignCall } from './foreign-call.ts'
import {
  countSlots,
  type ForeignAccess,
  type ForeignHealth,
  type ForeignState,
  offerOf,
} from './foreign-health.ts'
import { ForeignLogs } from './foreign-logs.ts'
import { ForeignMaintenance } from './foreign-maintenance.ts'
import { SlotFeed } from './slot-feed.ts'

export interface ForeignLinkOptions {
  readonly access: ForeignAccess
  /** What its `/health` said when it was met. */
  readonly health: ForeignHealth
  readonly intervalMs: number
  readonly resultLimitBytes: number
  readonly clock: Clock
  readonly events: LinkEvents
  /** What an operator should know of how it is heard. */
  readonly onFault: (reason: string) => void
}

const IDLE_MS = 4_000

export class ForeignLink implements WorkerLink {
  readonly #options: ForeignLinkOptions
  readonly #calls = new Map<number, ForeignCall>()
  readonly #agent: Agent
  readonly #feed: SlotFeed
  readonly #maintenance: ForeignMaintenance
  readonly #logs: ForeignLogs
  #health: ForeignHealth
  #limit = 1
  #seq = 0
  /** Pings of ours that its next word answers. */
  #pings: number[] = []
  #isClosed = false

  constructor(options: ForeignLinkOptions) {
    this.#options = options
    const { access, health, intervalMs } = options
    this.#health = health
    const means = { keepAlive: true, timeout: IDLE_MS, scheduling: 'lifo' } as const
    this.#agent = access.url.startsWith('https:') ? new SecureAgent(means) : new Agent(means)
    this.#maintenance = new ForeignMaintenance(access)
    this.#logs = new ForeignLogs({
      access,
      wallMs: () => options.clock.wallMs(),
      onFault: options.onFault,
      onLines: (lines, dropped, tail) =>
        this.#say({ type: 'logs', at: this.#now(), lines, dropped, ...(tail ? { tail } : {}) }),
    })
    this.#feed = new SlotFeed({ access, intervalMs, events: this.#feedEvents }, health)
    setImmediate(() => this.#greet())
  }

  // --- Out -------------------------------------------------------------------------------------

  task(assignment: Assignment): void {
    if (this.#isClosed) return
    const { attemptId } = assignment
    const { access, resultLimitBytes, events } = this.#options
    const target = { ...access, group: this.#health.group, agent: this.#agent, resultLimitBytes }
    const over = () => this.#calls.delete(attemptId) && !this.#isClosed
    const call = new ForeignCall(assignment, target, {
      onItem: (item) => events.onItem(attemptId, item),
      onNeverSent: () => over() && events.onReturned(attemptId, 'busy'),
      onFinished: (outcome) => {
        if (outcome.outcome === 'lost') void this.#lose(attemptId, outcome)
        else if (over()) events.onFinished(attemptId, outcome)
      },
    })
    this.#calls.set(attemptId, call)
    setImmediate(() => {
      if (this.#calls.has(attemptId)) events.onStarted(attemptId, false)
    })
  }

  /** A request broke: is it the worker that went? Before that is known nothing else may be sent there in its place. */
  async #lose(attemptId: number, outcome: Outcome): Promise<void> {
    if (this.#isClosed || !(await this.#feed.isThere()) || this.#isClosed) return
    if (this.#calls.delete(attemptId)) this.#options.events.onFinished(attemptId, outcome)
  }

  cancel(attemptId: number): void {
    this.#calls.get(attemptId)?.cancel()
  }

  message(message: Unstamped): void {
    if (this.#isClosed) return
    if (message.type === 'interface') this.#tellInterface()
    else if (message.type === 'ping') this.#ping(message.id)
    else if (message.type === 'maintenance') void this.#obey(message)
    else if (message.type === 'logs') this.#logs.obey(message)
  }

  close(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const call of this.#calls.values()) call.drop()
    this.#feed.stop()
    this.#logs.stop()
    this.#agent.destroy()
    setImmediate(() => this.#options.events.onClosed(code, reason))
  }

  /** Nothing waits there, nothing is kept there, and nobody there calls: it knows none of these. */
  recall(): void {}
  acknowledge(): void {}
  adopt(): void {}
  callResult(): void {}

  #ping(id: number): void {
    this.#pings.push(id)
    this.#feed.ask()
  }

  /** What it says from then on was said behind the order. */
  async #obey(order: Extract<Unstamped, { type: 'maintenance' }>): Promise<void> {
    const fault = await this.#maintenance.pass(order, this.#health.status)
    if (this.#isClosed) return
    if (fault !== undefined) this.#options.onFault(fault)
    this.#feed.ask()
  }

  // --- In --------------------------------------------------------------------------------------

  readonly #feedEvents = {
    onState: (state: ForeignState) => this.#hear(state),
    onHealth: (health: ForeignHealth) => this.#compare(health),
    onLost: (reason: string) => this.close(CLOSE.goingAway, reason),
    onFault: (reason: string) =>
      this.#options.onFault(`${reason}; it is asked by /health every ${this.#options.intervalMs} ms instead`),
  }

  #greet(): void {
    if (this.#isClosed) return
    const { group, contract, tags, version } = this.#health
    this.#say({
      type: 'hello',
      ...this.#stateOf(this.#health),
      protocol: PROTOCOL_VERSION,
      name: 'foreign',
      // Nobody can tell one of its processes from the next: each time it is met it is another.
      bootId: randomUUID(),
      version,
      group,
      contract,
      interface: this.#hash(),
      tags,
      services: [...(this.#health.services ?? [])],
      system: this.#health.system ?? UNKNOWN_SYSTEM,
      started: [],
    })
  }

  #hear(state: ForeignState): void {
    if (this.#isClosed) return
    const services = state.services && [...state.services]
    const more = { ...(services ? { services } : {}), ...(state.system ? { system: state.system } : {}) }
    this.#say({ type: 'state', ...this.#stateOf(state), ...more })
    if (this.#maintenance.isPassing) return
    for (const id of this.#pings.splice(0)) this.#say({ type: 'pong', at: this.#now(), id })
  }

  /** Whoever serves something else is met anew, once it has finished what it runs. */
  #compare(health: ForeignHealth): void {
    const isSame = offerOf(health) === offerOf(this.#health)
    if (isSame) this.#health = health
    else if (this.#calls.size === 0) return this.close(CLOSE.goingAway, 'it serves something else now')
    this.#hear(health)
  }

  #stateOf({ status, reason, slots }: ForeignState) {
    const linked = this.#calls.size
    const { limit, used, queued } = countSlots(slots, linked, this.#limit)
    this.#limit = limit
    return {
      at: this.#now(),
      seq: ++this.#seq,
      status,
      ...(reason === undefined ? {} : { reason }),
      slots: { limit, used, linked: Math.min(linked, used), stuck: 0, queued, queueLimit: 0 },
    }
  }

  #tellInterface(): void {
    const functions = [...this.#health.functions]
    this.#say({ type: 'interface', at: this.#now(), hash: this.#hash(), functions })
  }

  #hash(): string {
    return createHash('sha256').update(canonicalJson(this.#health.functions)).digest('hex')
  }

  #say(message: FromWorker): void {
    // Whoever caused it is not called back before it is done.
    setImmediate(() => {
      if (this.#isClosed) return
      this.#options.events.onFrame()
      this.#options.events.onMessage(message)
    })
  }

  #now(): number {
    return this.#options.clock.monoMs()
  }
}
