/**
 * All workers of the list: turns a new roster into members that come, change or leave, carries an
 * operator's wishes to them, and shows them to `http/` and `observe/`. Owns the one sweep timer and
 * the bound on dials under way.
 * Invariant: an id names at most one member, and a leaving one never that of a listed one.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { ConfigState, LogEntry, TaskError, WorkerDetail, WorkerEntry, WorkerView } from '@berth/protocol'
import type { CallPort } from '../ports/calls.ts'
import type { Assignment, DispatchPort } from '../ports/dispatch.ts'
import type {
  DrainView,
  FleetPort,
  FunctionView,
  LogFollower,
  LogWish,
  MaintenanceWish,
  Planned,
  ServedInterface,
  WarmthOrder,
  Wished,
  WorkerGauge,
} from '../ports/fleet.ts'
import type { LogTally, WorkerSample, WorkerSamplesPort } from '../ports/stats.ts'
import type { FleetContents, MaintenanceIntent } from '../ports/store.ts'
import { renewedKey } from '../ports/worker-key.ts'
import { Boots } from './boots.ts'
import { CallInputs } from './call-inputs.ts'
import { Calls, type CallsOptions } from './calls.ts'
import { Contracts } from './contracts.ts'
import { DialTurns } from './dial-turns.ts'
import { drainOf } from './drain.ts'
import { FleetMemory, intentWrite } from './fleet-memory.ts'
import { functionViews } from './function-views.ts'
import { pingsOfLook } from './heartbeat.ts'
import { Interfaces, type KnownInterface } from './interfaces.ts'
import { type LogOrder, LogRelay } from './log-relay.ts'
import { Member } from './member.ts'
import type { MemberContext, MemberTerms } from './member-context.ts'
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
  /** By id, in the order of the file. */
  #listed = new Map<string, Member>()
  /** By key: listed and leaving ones. */
  readonly #members = new Map<string, Member>()
  readonly #leaving = new Set<Member>()
  readonly #boots = new Boots()
  readonly #memory: FleetMemory
  readonly #relays = new Map<string, LogRelay>()
  /** Listed members that have never been linked. */
  readonly #strangers = new Set<Member>()
  /** Listed members that have neither answered nor failed. */
  readonly #unanswered = new Set<Member>()
  readonly #lines = { debug: 0, info: 0, warn: 0, error: 0, dropped: 0 }
  readonly #context: MemberContext
  #renamed = 0
  #hasRoster = false
  #isSettled = false
  #sweeping: NodeJS.Timeout | undefined
  #sweptAtMs = 0
  #config: ConfigState

  constructor(options: FleetOptions) {
    const { contents, clock, remember } = options
    this.#options = options
    this.#memory = new FleetMemory({ contents, interfaces: this.#interfaces, clock, remember })
    for (const { hash, functions } of contents.interfaces) this.#interfaces.restore(hash, functions)
    this.#config = { state: 'ok', since: new Date(clock.wallMs()).toISOString(), warnings: [] }
    this.#contracts = new Contracts({
      now: () => clock.monoMs(),
      isSettled: () => this.#isSettled,
      graceMs: options.terms.leaseMs,
      onJudged: (keys) => {
        for (const key of keys) this.#members.get(key)?.announceAgain()
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
    for (const member of this.#members.values()) member.stop('the balancer stops')
  }

  /**
   * Before a stop: a worker of another make answers on the request alone and keeps nothing for the next balancer, so
   * it gets nothing more and is waited for. Ours go on without us.
   */
  async finishForeign(limitMs: number): Promise<void> {
    const { clock, log } = this.#options
    const endAt = clock.monoMs() + limitMs
    for (const member of this.#members.values()) member.finish()
    const running = () => [...this.#members.values()].filter(({ isFinishing }) => isFinishing)
    const workers = running().map(({ id }) => id)
    if (workers.length > 0) log.info('waits for the answers of workers of another make', { workers })
    while (running().length > 0 && clock.monoMs() < endAt) await pause(FINISH_LOOK_MS)
  }

  // --- The list --------------------------------------------------------------------------------

  /** A new good list: comes from the roster. Whoever has the id and the URL of an entry stays. */
  setRoster(entries: readonly WorkerEntry[]): void {
    const wanted = new Map(entries.map((entry) => [entry.id, entry]))
    const here = new Map([...this.#members.values()].map((member) => [placeOf(member.picture.entry), member]))
    this.#memory.keepOnly(wanted)
    for (const member of this.#listed.values())
      if (wanted.get(member.id)?.url !== member.picture.entry.url) this.#dismiss(member)
    const members = entries.map((entry) => this.#enlist(entry, here.get(placeOf(entry))))
    this.#listed = new Map(members.map((member) => [member.id, member]))
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
    if (this.#leaving.delete(here)) this.#memory.rememberAgain(here)
    here.update(entry)
    return here
  }

  #admit(entry: WorkerEntry): Member {
    const key = this.#members.has(entry.id) ? renewedKey(entry.id, ++this.#renamed) : entry.id
    const member = new Member(key, entry, this.#context)
    this.#members.set(key, member)
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
    this.#leaving.add(member)
    member.leave()
  }

  /** A member has nothing to finish any more. */
  #release(member: Member): void {
    if (!this.#leaving.delete(member)) return
    this.#members.delete(member.key)
    this.#contracts.forget(member.key)
    this.#options.workforce.removeWorker(member.key, this.#options.clock.monoMs())
    this.#options.log.info('worker left', { worker: member.id })
    this.#boots.release(member)
  }

  #checkSettled(): void {
    if (this.#isSettled || !this.#hasRoster || this.#unanswered.size > 0) return
    this.#isSettled = true
    this.#options.log.info('fleet settled', { workers: this.#listed.size })
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
        if (!this.#leaving.has(member)) this.#memory.note(known)
      },
      onLogs: (member, lines, dropped) => {
        for (const { level } of lines) this.#lines[level]++
        this.#lines.dropped += dropped
        this.#relays.get(this.#shownId(member))?.deliver(lines, dropped)
      },
      onIntentOver: (member) => this.#endIntent(member),
      onAnswered: (member) => {
        this.#unanswered.delete(member)
        this.#checkSettled()
      },
      onGone: (member) => this.#release(member),
    }
  }

  #endIntent(member: Member): void {
    this.#memory.clearIntent(member.id)
    this.#options.log.info('maintenance ended by itself', { worker: member.id })
    member.intend(undefined, false)
  }

  #resumeLogs(member: Member): LogOrder | undefined {
    const relay = this.#relays.get(this.#shownId(member))
    relay?.expectRepeats()
    return relay?.order
  }

  #usedInterfaces(): KnownInterface[] {
    return [...this.#members.values()].flatMap(({ picture }) => picture.known ?? [])
  }

  /** A process that stood still hears its workers late; the time it slept is nobody's silence. */
  #sweep(everyMs: number): void {
    const now = this.#options.clock.monoMs()
    const sleptMs = now - this.#sweptAtMs - everyMs
    this.#sweptAtMs = now
    const { heartbeatTimeoutMs, heartbeatIntervalMs } = this.#options.terms
    const pings = pingsOfLook(this.#members.size, everyMs, heartbeatIntervalMs)
    for (const member of this.#members.values()) {
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
    return [...this.views()]
  }

  /** Whoever reads slowly may miss what joins meanwhile, and sees it the next time. */
  *views(): Iterable<WorkerView> {
    for (const member of [...this.#listed.values()]) yield member.view
    for (const member of [...this.#leaving]) yield member.viewAs(this.#shownId(member))
  }

  *gauges(): Iterable<WorkerGauge> {
    for (const member of this.#listed.values()) yield member.gauge
    for (const member of this.#leaving) yield member.gauge
  }

  *samples(): Iterable<WorkerSample> {
    for (const member of this.#listed.values()) yield member.sampleAs(member.id)
    for (const member of this.#leaving) yield member.sampleAs(this.#shownId(member))
  }

  get workerLines(): LogTally {
    return this.#lines
  }

  worker(id: string): WorkerView | undefined {
    const member = this.#find(id)
    return member?.viewAs(id)
  }

  detail(id: string): WorkerDetail | undefined {
    return this.#find(id)?.detailAs(id)
  }

  functions(): readonly FunctionView[] {
    return functionViews([...this.#members.values()].map(({ picture }) => picture))
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
    return this.#members.get(key)?.picture.report?.bootId
  }

  isSettled(): boolean {
    return this.#isSettled
  }

  /** What operators want kept ready of the group is another from now on. */
  tellWarmth(group: string, order: WarmthOrder): void {
    for (const member of this.#members.values()) member.tellWarmth(group, order)
  }

  planMaintenance(id: string, wish: MaintenanceWish): Planned {
    const error = this.#refusal(id, wish)
    if (error) return { ok: false, error }
    return {
      ok: true,
      writes: [intentWrite(id, this.#wishedIntent(id, wish))],
      undo: [intentWrite(id, this.intent(id))],
    }
  }

  setMaintenance(id: string, wish: MaintenanceWish): Wished {
    const error = this.#refusal(id, wish)
    const member = this.#listed.get(id)
    if (error || !member) return { ok: false, error: error ?? unknownWorker(id) }
    const wished = this.#wishedIntent(id, wish)
    if (wished) this.#memory.setIntent(wished)
    else this.#memory.clearIntent(id)
    member.intend(wished, !wished)
    return { ok: true, worker: member.view }
  }

  intent(id: string): MaintenanceIntent | undefined {
    return this.#memory.intent(id)
  }

  drain(id: string, deadline?: string | null): DrainView | undefined {
    const member = this.#find(id)
    const { clock, workforce } = this.#options
    if (!member) return undefined
    return drainOf(member.picture, workforce.underWay(member.key, clock.monoMs()), clock.wallMs(), deadline)
  }

  empty(id: string): void {
    this.#find(id)?.empty('an operator ends them')
  }

  #refusal(id: string, { on }: MaintenanceWish): TaskError | undefined {
    const member = this.#listed.get(id)
    if (!member) return this.#find(id) ? isLeaving(id) : unknownWorker(id)
    const { entry } = member.picture
    return !on && entry.maintenance ? saidByFile(entry) : undefined
  }

  /** A maintenance that is changed goes on: it is as old as it was. */
  #wishedIntent(id: string, wish: MaintenanceWish): MaintenanceIntent | undefined {
    if (!wish.on) return undefined
    const { reason, until, deadline = null, by = null } = wish
    const since = this.intent(id)?.since ?? new Date(this.#options.clock.wallMs()).toISOString()
    return { worker: id, reason, since, until, deadline, by }
  }

  followLogs(
    id: string,
    onLines: (lines: readonly LogEntry[], dropped: number) => void,
    wish?: LogWish,
  ): LogFollower | undefined {
    const relay = this.#relays.get(id) ?? (this.#find(id) && this.#createRelay(id))
    return relay?.follow(onLines, wish)
  }

  /** It stays while somebody follows, whatever becomes of the worker meanwhile. */
  #createRelay(id: string): LogRelay {
    const tell = (order: LogOrder | undefined) => {
      if (order !== undefined) this.#relays.set(id, relay)
      else this.#relays.delete(id)
      this.#find(id)?.followLogs(order)
    }
    const relay = new LogRelay(tell, () => this.#relays.size)
    return relay
  }

  async readLogs(id: string): ReturnType<FleetPort['readLogs']> {
    const member = this.#find(id)
    if (!member) return { ok: false, error: unknownWorker(id) }
    return readWorkerLogs(member.picture.entry, this.#options.terms)
  }

  #find(id: string): Member | undefined {
    return this.#listed.get(id) ?? [...this.#leaving].find((member) => this.#shownId(member) === id)
  }

  /** A leaving worker whose id another one has now is shown under a name of its own. */
  #shownId(member: Member): string {
    const { id, key } = member
    const listed = this.#listed.get(id)
    if (!listed || listed === member) return id
    return key === id ? `${id}#0` : key
  }
}

function placeOf({ id, url }: WorkerEntry): string {
  return `${id}\n${url}`
}

function unknownWorker(id: string): TaskError {
  return { code: 'NOT_FOUND', detail: `There is no worker "${id}". GET /workers lists them.` }
}

function isLeaving(id: string): TaskError {
  const detail = `"${id}" is no longer in workers.json: it finishes what it runs and takes nothing new.`
  return { code: 'CONFLICT', detail }
}

function saidByFile({ id, maintenanceLine }: WorkerEntry): TaskError {
  const place = maintenanceLine === undefined ? '' : ` in line ${maintenanceLine}`
  const detail = `workers.json says "maintenance": true for "${id}"${place}. Take it out there; the file is watched.`
  return { code: 'CONFLICT', detail }
}
