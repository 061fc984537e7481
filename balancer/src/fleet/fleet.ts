/**
 * All workers of the list: turns a new roster into members that come, change or leave, carries an
 * operator's wishes to them, and shows them to `http/` and `observe/`. Owns the one sweep timer and
 * the bound on dials under way.
 */
import type { ConfigState, LogEntry, TaskError, WorkerEntry, WorkerView } from '@berth/protocol'
import type { Assignment, DispatchPort } from '../ports/dispatch.ts'
import type { FleetPort, FunctionView, LogFollower, MaintenanceWish, Wished } from '../ports/fleet.ts'
import type { KnownWorker, MaintenanceIntent, StoreContents } from '../ports/store.ts'
import { functionViews } from './function-views.ts'
import { Interfaces } from './interfaces.ts'
import { Member, type MemberContext, type MemberTerms } from './member.ts'
import { readWorkerLogs } from './worker-logs.ts'

export interface FleetOptions extends Pick<MemberContext, 'clock' | 'log' | 'workforce' | 'remember'> {
  readonly terms: MemberTerms
  readonly contents: StoreContents
}

const DIALS_AT_ONCE = 64
const SWEEP_MAX_MS = 250

export class Fleet implements FleetPort, DispatchPort {
  readonly #options: FleetOptions
  readonly #interfaces = new Interfaces()
  /** By id, in the order of the file. */
  readonly #listed = new Map<string, Member>()
  /** By key: listed and leaving ones. */
  readonly #members = new Map<string, Member>()
  readonly #intents: Map<string, MaintenanceIntent>
  /** What each worker served when this store was last in use. */
  readonly #past: ReadonlyMap<string, KnownWorker>
  readonly #waitingDials: (() => void)[] = []
  #dials = 0
  #renamed = 0
  #hasRoster = false
  #isSettled = false
  #sweeping: NodeJS.Timeout | undefined
  #sweptAtMs = 0
  #config: ConfigState

  constructor(options: FleetOptions) {
    this.#options = options
    this.#intents = new Map(options.contents.intents.map((intent) => [intent.worker, intent]))
    this.#past = new Map(options.contents.workers.map((known) => [known.worker, known]))
    for (const { hash, functions } of options.contents.interfaces) this.#interfaces.restore(hash, functions)
    this.#config = { state: 'ok', since: new Date(options.clock.wallMs()).toISOString(), warnings: [] }
  }

  start(): void {
    const { heartbeatIntervalMs } = this.#options.terms
    const everyMs = Math.max(10, Math.min(SWEEP_MAX_MS, heartbeatIntervalMs / 4))
    this.#sweptAtMs = this.#options.clock.monoMs()
    this.#sweeping = setInterval(() => this.#sweep(everyMs), everyMs)
  }

  stop(): void {
    clearInterval(this.#sweeping)
    for (const member of this.#members.values()) member.stop('the balancer stops')
  }

  // --- The list --------------------------------------------------------------------------------

  /** A new good list: comes from the roster. */
  setRoster(entries: readonly WorkerEntry[]): void {
    const ids = new Set(entries.map((entry) => entry.id))
    for (const [id, member] of [...this.#listed]) if (!ids.has(id)) this.#dismiss(id, member)
    const members = entries.map((entry) => this.#enlist(entry))
    this.#listed.clear()
    for (const member of members) this.#listed.set(member.picture.entry.id, member)
    this.#hasRoster = true
    this.#checkSettled()
  }

  setConfig(state: ConfigState): void {
    this.#config = state
    // A file that is missing or bad from the start lists nobody, and nobody is waited for.
    if (state.state === 'stale') this.#hasRoster = true
    this.#checkSettled()
  }

  #enlist(entry: WorkerEntry): Member {
    const known = this.#listed.get(entry.id) ?? this.#findLeaving(entry)
    if (known && known.picture.entry.url === entry.url) {
      known.update(entry)
      return known
    }
    if (known) known.leave()
    const key = this.#members.has(entry.id) ? `${entry.id}#${++this.#renamed}` : entry.id
    const member = new Member(key, entry, this.#context)
    this.#members.set(key, member)
    this.#recall(member)
    member.start()
    return member
  }

  #findLeaving(entry: WorkerEntry): Member | undefined {
    const member = this.#members.get(entry.id)
    return member?.picture.entry.url === entry.url ? member : undefined
  }

  /** What the store remembers of a worker: an operator's decision, and what it used to serve. */
  #recall(member: Member): void {
    const { id } = member.picture.entry
    member.picture.intent = this.#intents.get(id)
    const past = this.#past.get(id)
    const known = past && this.#interfaces.get(past.interfaceHash)
    if (known) member.recall(past.group, past.contract, known)
  }

  #dismiss(id: string, member: Member): void {
    this.#listed.delete(id)
    this.#intents.delete(id)
    this.#options.remember({ kind: 'worker-forgotten', worker: id })
    this.#options.remember({ kind: 'intent-cleared', worker: id })
    member.leave()
  }

  get #context(): MemberContext {
    const { terms, clock, log, workforce, remember } = this.#options
    return {
      terms,
      clock,
      log,
      workforce,
      remember,
      interfaces: this.#interfaces,
      takeDialTurn: () => this.#takeDialTurn(),
      findTwin: (bootId, member) => this.#findTwin(bootId, member),
      onAnswered: () => this.#checkSettled(),
      onGone: (member) => this.#forget(member),
    }
  }

  #findTwin(bootId: string, member: Member): Member | undefined {
    for (const other of this.#members.values())
      if (
        other !== member &&
        other.link &&
        !other.picture.isLeaving &&
        other.picture.report?.bootId === bootId
      )
        return other
    return undefined
  }

  #forget(member: Member): void {
    if (this.#members.get(member.key) !== member || !member.picture.isLeaving) return
    this.#members.delete(member.key)
    this.#options.workforce.removeWorker(member.key, this.#options.clock.monoMs())
    this.#options.log.info('worker left', { worker: member.picture.entry.id })
  }

  #checkSettled(): void {
    if (this.#isSettled || !this.#hasRoster) return
    for (const member of this.#listed.values()) if (!member.hasAnswered) return
    this.#isSettled = true
    this.#options.log.info('fleet settled', { workers: this.#listed.size })
    this.#options.workforce.settleFleet(this.#options.clock.monoMs())
  }

  // --- Timers and dials ------------------------------------------------------------------------

  /** A process that stood still hears its workers late; the time it slept is nobody's silence. */
  #sweep(everyMs: number): void {
    const now = this.#options.clock.monoMs()
    const sleptMs = now - this.#sweptAtMs - everyMs
    this.#sweptAtMs = now
    for (const member of this.#members.values()) {
      if (sleptMs > this.#options.terms.heartbeatTimeoutMs / 4) member.forgive(sleptMs)
      member.sweep(now)
    }
  }

  async #takeDialTurn(): Promise<() => void> {
    if (this.#dials >= DIALS_AT_ONCE) await new Promise<void>((resolve) => this.#waitingDials.push(resolve))
    else this.#dials++
    return () => {
      const next = this.#waitingDials.shift()
      if (next) next()
      else this.#dials--
    }
  }

  // --- DispatchPort ----------------------------------------------------------------------------

  send(assignment: Assignment): void {
    const { worker, run, attemptId, used, limit } = assignment
    this.#options.log.debug('task sent', { run, worker, attempt: attemptId, used, limit })
    this.#members.get(worker)?.link?.task(assignment)
  }

  recall(worker: string, attemptId: number): void {
    this.#members.get(worker)?.link?.recall(attemptId)
  }

  cancel(worker: string, attemptId: number, reason: Parameters<DispatchPort['cancel']>[2]): void {
    this.#members.get(worker)?.link?.cancel(attemptId, reason)
  }

  acknowledge(worker: string, attemptId: number, fence: number): void {
    this.#members.get(worker)?.link?.acknowledge(attemptId, fence)
  }

  // --- FleetPort -------------------------------------------------------------------------------

  workers(): readonly WorkerView[] {
    const leaving = [...this.#members.values()].filter((member) => member.picture.isLeaving)
    return [...this.#listed.values(), ...leaving].map((member) => member.view)
  }

  worker(id: string): WorkerView | undefined {
    return this.#find(id)?.view
  }

  functions(): readonly FunctionView[] {
    return functionViews([...this.#members.values()].map((member) => member.picture))
  }

  config(): ConfigState {
    return this.#config
  }

  isSettled(): boolean {
    return this.#isSettled
  }

  setMaintenance(id: string, wish: MaintenanceWish): Wished {
    const member = this.#listed.get(id)
    if (!member) return { ok: false, error: unknownWorker(id) }
    if (!wish.on && member.picture.entry.maintenance) return { ok: false, error: saidByFile(id) }
    const { remember, clock, log } = this.#options
    const since = member.picture.intent?.since ?? new Date(clock.wallMs()).toISOString()
    const intent = { worker: id, reason: wish.reason, since, until: wish.until }
    if (wish.on) this.#intents.set(id, intent)
    else this.#intents.delete(id)
    remember(wish.on ? { kind: 'intent-set', intent } : { kind: 'intent-cleared', worker: id })
    member.intend(wish.on ? intent : undefined)
    log.info(wish.on ? 'maintenance on' : 'maintenance off', { worker: id, reason: wish.reason ?? undefined })
    return { ok: true, worker: member.view }
  }

  followLogs(
    id: string,
    onLines: (lines: readonly LogEntry[], dropped: number) => void,
  ): LogFollower | undefined {
    return this.#find(id)?.logs.follow(onLines)
  }

  async readLogs(id: string): ReturnType<FleetPort['readLogs']> {
    const member = this.#find(id)
    if (!member) return { ok: false, error: unknownWorker(id) }
    return readWorkerLogs(member.picture.entry, this.#options.terms)
  }

  #find(id: string): Member | undefined {
    return this.#listed.get(id) ?? this.#members.get(id)
  }
}

function unknownWorker(id: string): TaskError {
  return { code: 'NOT_FOUND', detail: `There is no worker "${id}". GET /workers lists them.` }
}

function saidByFile(id: string): TaskError {
  return {
    code: 'CONFLICT',
    detail: `workers.json says "maintenance": true for "${id}". Remove that line from the entry; the file is watched.`,
  }
}
