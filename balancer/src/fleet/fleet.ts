/**
 * All workers of the list: turns a new roster into members that come, change or leave (members.ts keeps who is
 * here), passes on what the core sends them, and shows them to `http/` and `observe/`. Owns the one sweep timer
 * and the bound on dials under way.
 * Invariant: the fleet is settled, once and for good, when every listed worker has answered or failed once.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { ConfigState, LogLevel, WorkerDetail, WorkerEntry, WorkerView } from '@berth/protocol'
import type { CallPort } from '../ports/calls.ts'
import type { Assignment, DispatchPort } from '../ports/dispatch.ts'
import type {
  DrainView,
  FleetPort,
  FunctionView,
  LogFollower,
  LogWish,
  MaintenanceWish,
  OnLogLines,
  Planned,
  ServedInterface,
  WarmthOrder,
  Wished,
  WorkerGauge,
} from '../ports/fleet.ts'
import type { LogTally, WorkerSample, WorkerSamplesPort } from '../ports/stats.ts'
import type { FleetContents, MaintenanceIntent } from '../ports/store.ts'
import { Boots } from './boots.ts'
import { CallInputs } from './call-inputs.ts'
import { Calls, type CallsOptions } from './calls.ts'
import { Contracts } from './contracts.ts'
import { DialTurns } from './dial-turns.ts'
import { drainOf } from './drain.ts'
import { FleetMemory } from './fleet-memory.ts'
import { functionViews } from './function-views.ts'
import { pingsOfLook } from './heartbeat.ts'
import { Interfaces, type KnownInterface } from './interfaces.ts'
import { type LogOrder, LogRelay } from './log-relay.ts'
import { MaintenanceWishes, unknownWorker } from './maintenance-wishes.ts'
import { Member } from './member.ts'
import type { MemberContext, MemberTerms } from './member-context.ts'
import { Members, placeOf } from './members.ts'
import { readWorkerLogs } from './worker-logs.ts'

export interface FleetOptions
  extends Pick<MemberContext, 'clock' | 'log' | 'workforce' | 'health' | 'remember'> {
  readonly terms: MemberTerms &
    Pick<CallsOptions, 'queueTimeoutMs'> & {
      readonly requestBodyLimitBytes: number
    }
  /** Takes what handlers call; `createRunId` names it. */
  readonly calls: CallPort
  readonly createRunId: () => string
  /** Keeps what called tasks write. */
  readonly files?: CallsOptions['files']
  readonly contents: Pick<FleetContents, 'intents' | 'workers' | 'interfaces'>
  /** See member-context.ts; looks nothing up unless given. */
  readonly recover?: MemberContext['recover']
  /** See member-context.ts; nothing is kept ready unless given. */
  readonly warmthOf?: MemberContext['warmthOf']
  /** The bytes of what was sent along with tasks. */
  readonly openFile?: MemberContext['openFile']
}

const DIALS_AT_ONCE = { all: 64, doubtful: 32 }
const SWEEP_MAX_MS = 250
const FINISH_LOOK_MS = 10

export class Fleet implements FleetPort, DispatchPort, WorkerSamplesPort {
  readonly #options: FleetOptions
  readonly #interfaces = new Interfaces(() => this.#usedInterfaces())
  readonly #contracts: Contracts
  readonly #members = new Members()
  readonly #boots = new Boots()
  readonly #memory: FleetMemory
  readonly #wishes: MaintenanceWishes
  readonly #relays = new Map<string, LogRelay>()
  /** Listed members that have never been linked. */
  readonly #strangers = new Set<Member>()
  /** Listed members that have neither answered nor failed. */
  readonly #unanswered = new Set<Member>()
  readonly #lines = { debug: 0, info: 0, warn: 0, error: 0, dropped: 0 }
  readonly #context: MemberContext
  #hasRoster = false
  #isSettled = false
  #sweeping: NodeJS.Timeout | undefined
  #sweptAtMs = 0
  #config: ConfigState

  constructor(options: FleetOptions) {
    const { contents, clock, log, remember } = options
    this.#options = options
    this.#memory = new FleetMemory({ contents, interfaces: this.#interfaces, clock, remember })
    this.#wishes = new MaintenanceWishes({ members: this.#members, memory: this.#memory, clock, log })
    for (const { hash, functions } of contents.interfaces) this.#interfaces.restore(hash, functions)
    this.#config = { state: 'ok', since: new Date(clock.wallMs()).toISOString(), warnings: [] }
    this.#contracts = new Contracts({
      now: () => clock.monoMs(),
      isSettled: () => this.#isSettled,
      graceMs: options.terms.leaseMs,
      onJudged: (keys) => {
        for (const key of keys) this.#members.withKey(key)?.announceAgain()
      },
    })
    this.#context = this.#createContext()
  }

  start(): void {
    const { heartbeatIntervalMs } = this.#options.terms
    const everyMs = Math.max(10, Math.min(SWEEP_MAX_MS, heartbeatIntervalMs / 4))
    this.#sweptAtMs = this.#options.clock.monoMs()
    this.#sweeping ??= setInterval(() => this.#sweep(everyMs), everyMs)
  }

  stop(): void {
    clearInterval(this.#sweeping)
    for (const member of this.#members.all()) member.stop('the balancer stops')
  }

  /**
   * Before a stop: a worker of another make answers on the request alone and keeps nothing for the next balancer, so
   * it gets nothing more and is waited for. Ours go on without us.
   */
  async finishForeign(limitMs: number): Promise<void> {
    const { clock, log } = this.#options
    const endAt = clock.monoMs() + limitMs
    for (const member of this.#members.all()) member.finish()
    const running = () => [...this.#members.all()].filter(({ isFinishing }) => isFinishing)
    const workers = running().map(({ id }) => id)
    if (workers.length > 0) log.info('waits for the answers of workers of another make', { workers })
    while (running().length > 0 && clock.monoMs() < endAt) await pause(FINISH_LOOK_MS)
  }

  // --- The list --------------------------------------------------------------------------------

  /** A new good list: comes from the roster. Whoever has the id and the URL of an entry stays. */
  setRoster(entries: readonly WorkerEntry[]): void {
    const wanted = new Map(entries.map((entry) => [entry.id, entry]))
    const here = this.#members.byPlace()
    this.#memory.keepOnly(wanted)
    for (const member of this.#members.listed())
      if (wanted.get(member.id)?.url !== member.picture.entry.url) this.#dismiss(member)
    this.#members.list(entries.map((entry) => this.#enlist(entry, here.get(placeOf(entry)))))
    this.#hasRoster = true
    this.#checkSettled()
  }

  setConfig(state: ConfigState): void {
    this.#config = state
    // A file that is missing or bad from the start lists nobody, and nobody is waited for.
    if (state.state === 'stale') this.#hasRoster = true
    this.#checkSettled()
  }

  #enlist(entry: WorkerEntry, here: Member | undefined): Member {
    if (!here) return this.#admit(entry)
    if (this.#members.keep(here)) this.#memory.rememberAgain(here)
    here.update(entry)
    return here
  }

  #admit(entry: WorkerEntry): Member {
    const member = new Member(this.#members.newKey(entry.id), entry, this.#context)
    this.#members.add(member)
    this.#unanswered.add(member)
    this.#strangers.add(member)
    this.#memory.tell(member)
    member.start()
    return member
  }

  #dismiss(member: Member): void {
    this.#unanswered.delete(member)
    this.#strangers.delete(member)
    this.#boots.dismiss(member)
    this.#members.dismiss(member)
    member.leave()
  }

  /** A member has nothing to finish any more. */
  #release(member: Member): void {
    if (!this.#members.release(member)) return
    this.#contracts.forget(member.key)
    this.#options.workforce.removeWorker(member.key, this.#options.clock.monoMs())
    this.#options.log.info('worker left', { worker: member.id })
    this.#boots.release(member)
  }

  #checkSettled(): void {
    if (this.#isSettled || !this.#hasRoster || this.#unanswered.size > 0) return
    this.#isSettled = true
    this.#options.log.info('fleet settled', { workers: this.#members.listedCount })
    this.#options.workforce.settleFleet(this.#options.clock.monoMs())
  }

  // --- What members ask and tell ---------------------------------------------------------------

  #createContext(): MemberContext {
    const { terms, clock, log, workforce, health, remember, calls: port, createRunId, files } = this.#options
    const { queueTimeoutMs } = terms
    return {
      callInputs: new CallInputs(terms.requestBodyLimitBytes),
      warmthOf: this.#options.warmthOf ?? (() => undefined),
      calls: new Calls({ port, clock, log, createRunId, queueTimeoutMs, files }),
      terms,
      clock,
      log,
      workforce,
      health,
      remember,
      interfaces: this.#interfaces,
      contracts: this.#contracts,
      dialTurns: new DialTurns(DIALS_AT_ONCE),
      openFile: this.#options.openFile,
      claimBoot: (bootId, member) => this.#boots.claim(bootId, member),
      recover: this.#options.recover ?? (() => undefined),
      resumeLogs: (member) => this.#resumeLogs(member),
      strangers: () => this.#strangers.size,
      onKnown: (member, known) => {
        this.#strangers.delete(member)
        if (!this.#members.isLeaving(member)) this.#memory.note(known)
      },
      onLogs: (member, lines, dropped, tail) => {
        const relay = this.#relays.get(this.#members.shownId(member))
        if (tail) return relay?.deliverTail(lines, tail)
        for (const { level } of lines) this.#lines[level]++
        this.#lines.dropped += dropped
        relay?.deliver(lines, dropped)
      },
      onIntentOver: (member) => this.#wishes.end(member),
      onAnswered: (member) => {
        this.#unanswered.delete(member)
        this.#checkSettled()
      },
      onGone: (member) => this.#release(member),
    }
  }

  #resumeLogs(member: Member): LogOrder | undefined {
    const relay = this.#relays.get(this.#members.shownId(member))
    relay?.expectRepeats()
    return relay?.order
  }

  #usedInterfaces(): KnownInterface[] {
    return [...this.#members.all()].flatMap(({ picture }) => picture.known ?? [])
  }

  /** A process that stood still hears its workers late; the time it slept is nobody's silence. */
  #sweep(everyMs: number): void {
    const now = this.#options.clock.monoMs()
    const sleptMs = now - this.#sweptAtMs - everyMs
    this.#sweptAtMs = now
    const { heartbeatTimeoutMs, heartbeatIntervalMs } = this.#options.terms
    const pings = pingsOfLook(this.#members.size, everyMs, heartbeatIntervalMs)
    for (const member of this.#members.all()) {
      if (sleptMs > heartbeatTimeoutMs / 4) member.forgive(sleptMs)
      member.sweep(now, pings)
    }
    this.#contracts.sweep()
  }

  // --- DispatchPort ----------------------------------------------------------------------------

  send(assignment: Assignment): void {
    const { worker, run, attemptId, used, limit } = assignment
    const { log } = this.#options
    if (log.writes('debug')) log.debug('task sent', { run, worker, attempt: attemptId, used, limit })
    this.#members.withKey(worker)?.link?.task(assignment)
  }

  recall(worker: string, attemptId: number): void {
    this.#members.withKey(worker)?.link?.recall(attemptId)
  }

  cancel(worker: string, attemptId: number, reason: Parameters<DispatchPort['cancel']>[2]): void {
    this.#members.withKey(worker)?.link?.cancel(attemptId, reason)
  }

  acknowledge(worker: string, attemptId: number, fence: number): void {
    this.#members.withKey(worker)?.link?.acknowledge(attemptId, fence)
  }

  // --- FleetPort -------------------------------------------------------------------------------

  workers(): readonly WorkerView[] {
    return [...this.views()]
  }

  /** Whoever reads slowly may miss what joins meanwhile, and sees it the next time. */
  *views(): Iterable<WorkerView> {
    for (const [member, id] of this.#members.shown()) yield member.portrait.viewAs(id)
  }

  *gauges(): Iterable<WorkerGauge> {
    for (const member of this.#members.listed()) yield member.portrait.gauge
    for (const member of this.#members.leaving()) yield member.portrait.gauge
  }

  *samples(): Iterable<WorkerSample> {
    for (const [member, id] of this.#members.shown()) yield member.portrait.sampleAs(id)
  }

  get workerLines(): LogTally {
    return this.#lines
  }

  worker(id: string): WorkerView | undefined {
    const member = this.#members.find(id)
    return member?.portrait.viewAs(id)
  }

  detail(id: string): WorkerDetail | undefined {
    return this.#members.find(id)?.portrait.detailAs(id)
  }

  functions(): readonly FunctionView[] {
    return functionViews([...this.#members.all()].map(({ picture }) => picture))
  }

  interfacesOf(group: string, contract: number): readonly ServedInterface[] {
    return this.#contracts.interfacesOf(group, contract)
  }

  get hasBackground(): boolean {
    return this.#interfaces.hasBackground
  }

  /** What the file says, and what only the workers behind it could tell. */
  config(): ConfigState {
    const warnings = this.#boots.warnings()
    if (warnings.length === 0) return this.#config
    return { ...this.#config, warnings: [...this.#config.warnings, ...warnings] }
  }

  /** The boot id of the process that was greeted last as this worker (the core's name for it). */
  bootOf(key: string): string | undefined {
    return this.#members.withKey(key)?.picture.report?.bootId
  }

  isSettled(): boolean {
    return this.#isSettled
  }

  /** What operators want kept ready of the group is another from now on. */
  tellWarmth(group: string, order: WarmthOrder): void {
    for (const member of this.#members.all()) member.tellWarmth(group, order)
  }

  planMaintenance(id: string, wish: MaintenanceWish): Planned {
    return this.#wishes.plan(id, wish)
  }

  setMaintenance(id: string, wish: MaintenanceWish): Wished {
    return this.#wishes.set(id, wish)
  }

  intent(id: string): MaintenanceIntent | undefined {
    return this.#wishes.intent(id)
  }

  drain(id: string, deadline?: string | null): DrainView | undefined {
    const member = this.#members.find(id)
    const { clock, workforce } = this.#options
    if (!member) return undefined
    return drainOf(member.picture, workforce.underWay(member.key, clock.monoMs()), clock.wallMs(), deadline)
  }

  empty(id: string): void {
    this.#members.find(id)?.empty('an operator ends them')
  }

  followLogs(id: string, onLines: OnLogLines, wish?: LogWish): LogFollower | undefined {
    const relay = this.#relays.get(id) ?? (this.#members.find(id) && this.#createRelay(id))
    return relay?.follow(onLines, wish)
  }

  /** It stays while somebody follows, whatever becomes of the worker meanwhile. */
  #createRelay(id: string): LogRelay {
    const tell = (order: LogOrder | undefined, tail: LogLevel | undefined) => {
      if (order !== undefined) this.#relays.set(id, relay)
      else this.#relays.delete(id)
      this.#members.find(id)?.followLogs(order, tail)
    }
    const relay = new LogRelay(tell, () => this.#relays.size)
    return relay
  }

  async readLogs(id: string): ReturnType<FleetPort['readLogs']> {
    const member = this.#members.find(id)
    if (!member) return { ok: false, error: unknownWorker(id) }
    return readWorkerLogs(member.picture.entry, this.#options.terms)
  }
}
