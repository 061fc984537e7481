/** What the tests of this folder share: ports that do nothing but remember, and an app on top of them. */
import type { Role, TaskError, WorkerDetail, WorkerView } from '@berth/protocol'
import { createLog, type Log, ManualClock } from '@berth/runtime'
import type { ActivityEntry } from '../ports/activity.ts'
import type {
  DrainView,
  FleetPort,
  FunctionView,
  MaintenanceWish,
  Planned,
  ServedInterface,
  WarmthOrder,
  Wished,
} from '../ports/fleet.ts'
import type { LimitFacts } from '../ports/limits.ts'
import type { Limits, LimitTarget, OperatorPort } from '../ports/operator.ts'
import type { KeepPort, Kept, MaintenanceIntent, StoreHealth, StoreWrite } from '../ports/store.ts'
import { type AppDeps, createApp } from './app.ts'
import { Gate } from './auth.ts'
import { Sessions } from './sessions.ts'
import { Settings } from './settings.ts'
import { WrongKeys } from './wrong-keys.ts'

export const KEY = 'a-key-of-the-tests-0123456789'
export const READ_KEY = 'a-read-key-of-the-tests-0123456789'
export const HOST = 'berth.test:4000'
export const SINCE = '2025-01-01T00:00:00.000Z'
export const ORIGIN = `http://${HOST}`

export function makeWorker(id: string, changes: Partial<WorkerView> = {}): WorkerView {
  return {
    id,
    url: `http://${id}`,
    source: 'file',
    group: 'default',
    contract: 1,
    status: 'ready',
    reason: null,
    slots: { limit: 4, used: 1, stuck: 0, available: 3, queue: 0 },
    tags: {},
    services: [],
    functions: ['hello'],
    system: null,
    version: '0.1.0',
    lastSeenAt: null,
    latencyMs: 1,
    breaker: { state: 'closed', since: null, until: null, reason: null, failures: 0 },
    maintenance: null,
    ...changes,
  }
}

export function makeFunction(name: string, group = 'default'): FunctionView {
  return {
    name,
    group,
    contract: 1,
    description: null,
    examples: [],
    maxRetries: 0,
    input: {},
    output: null,
    supportsStreaming: false,
    idempotent: null,
    slots: 1,
    timeout: null,
    background: false,
    keepWarm: false,
    workers: ['w1'],
  }
}

const NO_LINK = {
  rttMs: null,
  reconnects: 0,
  gaps: 0,
  connectedAt: null,
  clockAgeMs: null,
  lastMessages: [],
}

export class FakeFleet implements FleetPort {
  list: WorkerView[] = [
    makeWorker('w1'),
    makeWorker('127.0.0.1:3001/a b', { group: 'gpu', status: 'saturated' }),
  ]
  served: FunctionView[] = [makeFunction('hello'), makeFunction('paint', 'gpu')]
  wishes: { id: string; wish: MaintenanceWish }[] = []
  /** What the fleet says to every wish, or only once the disk was written. */
  refusal: TaskError | undefined
  lateRefusal: TaskError | undefined
  intents = new Map<string, MaintenanceIntent>()
  emptied: string[] = []
  drained: DrainView = { running: 2, remaining: null, deadline: null, exceeding: [], repeated: 1 }
  logs: string[] = []

  workers() {
    return this.list
  }
  views() {
    return this.list
  }
  gauges() {
    return this.list
  }
  worker(id: string) {
    return this.list.find((worker) => worker.id === id)
  }
  detail(id: string): WorkerDetail | undefined {
    const worker = this.worker(id)
    return worker && { ...worker, link: NO_LINK, interface: null, operatorTags: {} }
  }
  functions() {
    return this.served
  }
  interfaces: ServedInterface[] = []
  interfacesOf() {
    return this.interfaces
  }
  hasBackground = false
  config() {
    return { state: 'ok' as const, since: '2026-01-01T00:00:00.000Z', warnings: [] }
  }
  isSettled() {
    return true
  }
  planMaintenance(id: string, { on, reason, until, deadline = null, by = null }: MaintenanceWish): Planned {
    if (this.refusal !== undefined) return { ok: false, error: this.refusal }
    const write = (intent?: MaintenanceIntent): StoreWrite =>
      intent ? { kind: 'intent-set', intent } : { kind: 'intent-cleared', worker: id }
    const intent = { worker: id, reason, since: SINCE, until, deadline, by }
    return { ok: true, writes: [write(on ? intent : undefined)], undo: [write(this.intents.get(id))] }
  }
  intent(id: string) {
    return this.intents.get(id)
  }
  drain(id: string) {
    return this.worker(id) && this.drained
  }
  empty(id: string) {
    this.emptied.push(id)
  }
  setMaintenance(id: string, wish: MaintenanceWish): Wished {
    const error = this.refusal ?? this.lateRefusal
    if (error !== undefined) return { ok: false, error }
    this.wishes.push({ id, wish })
    return { ok: true, worker: this.worker(id) as WorkerView }
  }
  followLogs() {
    return undefined
  }
  async readLogs() {
    return { ok: true as const, logs: this.logs }
  }
}

export class FakeKeeper implements KeepPort {
  kept: StoreWrite[] = []
  undone: StoreWrite[] = []
  /** Why writes fail. */
  failure: string | undefined
  state: StoreHealth = { state: 'ok' }

  async keep(writes: readonly StoreWrite[], undo: readonly StoreWrite[] = []): Promise<Kept> {
    if (this.failure === undefined) {
      this.kept.push(...writes)
      return { ok: true }
    }
    this.undone.push(...undo)
    return { ok: false, detail: this.failure }
  }
  health() {
    return this.state
  }
}

/** A core that is told limits and says what it was told; what is used is set by the test. */
export class FakeOperator implements OperatorPort {
  readonly told: { readonly target: LimitTarget; readonly limits: Limits }[] = []
  used = 0

  setLimits(target: LimitTarget, limits: Limits): void {
    this.told.push({ target, limits })
  }
  limits(target: LimitTarget, now: number): LimitFacts {
    const { concurrency, rate, paused } = this.last(target)
    return {
      concurrency: { used: this.used, limit: concurrency },
      rate: rate && { used: this.used, ...rate },
      paused: paused && (paused.untilAt ?? Number.POSITIVE_INFINITY) > now ? paused : undefined,
    }
  }
  /** What holds for a target. */
  last(target: LimitTarget): Limits {
    const key = JSON.stringify(target)
    return this.told.findLast((told) => JSON.stringify(told.target) === key)?.limits ?? {}
  }
}

export interface AskInit {
  method?: string
  headers?: Record<string, string>
  body?: string | Uint8Array<ArrayBuffer>
  /** The peer's; default 10.0.0.1. */
  address?: string
}

export interface Bench {
  readonly deps: AppDeps
  readonly app: ReturnType<typeof createApp>
  readonly fleet: FakeFleet
  readonly keeper: FakeKeeper
  readonly operator: FakeOperator
  readonly clock: ManualClock
  readonly sessions: Sessions
  readonly writes: StoreWrite[]
  /** What workers were told to keep ready, by group. */
  readonly warmth: readonly (readonly [group: string, order: WarmthOrder])[]
  readonly log: Log
  /** What was noted. */
  readonly noted: ActivityEntry[]
  /** Opens a session; answers the `Cookie` header that stands for it. */
  signIn(role?: Role): string
  ask(path: string, init?: AskInit): Promise<Response>
}

export function makeBench(changes: Partial<AppDeps> = {}): Bench {
  const clock = new ManualClock()
  const fleet = new FakeFleet()
  const keeper = new FakeKeeper()
  const operator = new FakeOperator()
  const log = createLog({ source: 'test', write: () => {} })
  const writes: StoreWrite[] = []
  const noted: ActivityEntry[] = []
  const warmth: (readonly [group: string, order: WarmthOrder])[] = []
  const keys = { operator: KEY, viewer: READ_KEY }
  const sessions = new Sessions({ store: recordInto(writes), stored: [], clock, keys })
  const gate = new Gate({ key: KEY, readKey: READ_KEY, sessions, wrongKeys: new WrongKeys(log, clock) })
  const deps: AppDeps = {
    gate,
    activity: { record: (entry) => void noted.push(entry), list: async () => [] },
    sessions,
    fleet,
    keeper,
    settings: new Settings({
      operator,
      keeper,
      clock,
      log,
      stored: [],
      onWarmth: (...told) => warmth.push(told),
    }),
    traffic: {
      traffic: () => ({ submitted: 9, completed: 5, failed: 1, cancelled: 0, waiting: 2, running: 1 }),
    },
    log,
    clock,
    balancer: () => ({
      name: 'b',
      environment: null,
      version: '0.1.0',
      startedAt: '2026-01-01T00:00:00.000Z',
      status: 'ready',
    }),
    dashboard: undefined,
    isLoopbackHost: true,
    ...changes,
  }
  const app = createApp(deps)
  return {
    deps,
    app,
    fleet,
    keeper,
    operator,
    clock,
    sessions,
    writes,
    warmth,
    log,
    noted,
    signIn: (role) => `berth_session=${sessions.open(role).secret}`,
    async ask(path, { address = '10.0.0.1', ...init } = {}) {
      const incoming = { socket: { remoteAddress: address } }
      return app.request(`http://${HOST}${path}`, init, { incoming } as never)
    },
  }
}

export function recordInto(writes: StoreWrite[]): { apply(batch: readonly StoreWrite[]): number } {
  return { apply: (batch) => writes.push(...batch) }
}

/** A request with the key. */
export function withKey(method = 'GET', body?: unknown): AskInit {
  const headers = { authorization: `Bearer ${KEY}` }
  return body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) }
}

/** A request as a page of our own makes it. */
export function fromPage(cookie: string, method = 'POST', body: unknown = {}): AskInit {
  const headers = {
    cookie,
    origin: ORIGIN,
    'sec-fetch-site': 'same-origin',
    'content-type': 'application/json',
  }
  return method === 'GET' ? { method, headers } : { method, headers, body: JSON.stringify(body) }
}

/** The code of a problem. */
export async function codeOf(answer: Response): Promise<string> {
  return ((await answer.json()) as { code: string }).code
}
