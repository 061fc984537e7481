/**
 * Puts a balancer together: the only file that constructs services and ties the core to its ports.
 * Called by main with a checked configuration; tests of whole processes go through main as well.
 */
import { randomUUID } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BalancerView, BERTH_VERSION, isLoopback } from '@berth/protocol'
import { type Clock, createOwnAddress, type Log, type Service, systemClock } from '@berth/runtime'
import type { Hono } from 'hono'
import { ensureEmailSecret } from './compat-config.ts'
import type { BalancerConfig, BalancerKeys } from './config.ts'
import { Scheduler } from './core/scheduler.ts'
import { DiskFiles } from './files/disk-files.ts'
import { FileKeeper } from './files/file-keeper.ts'
import { FileSpace } from './files/file-space.ts'
import { FileViews } from './files/file-views.ts'
import { RunFiles } from './files/run-files.ts'
import { Uploads } from './files/uploads.ts'
import { WorkersConfig } from './fleet/config/workers-config.ts'
import { Fleet } from './fleet/fleet.ts'
import { Roster } from './fleet/roster.ts'
import { type AppDeps, createApp, listRoutes } from './http/app.ts'
import { Gate } from './http/auth.ts'
import { Background } from './http/background.ts'
import { batchRoutes, mayReceiveBatch } from './http/batch-routes.ts'
import { bulkRoutes } from './http/bulk-routes.ts'
import { createCompat } from './http/compat/compat-routes.ts'
import { configRoutes } from './http/config-routes.ts'
import { limitConnections, readDescriptorLimit } from './http/connections.ts'
import { continueRoutes } from './http/continue-route.ts'
import { readAssets } from './http/dashboard-assets.ts'
import type { Dashboard } from './http/dashboard-routes.ts'
import { deliveryRoutes } from './http/delivery-routes.ts'
import { Door } from './http/door.ts'
import { DurableBatches } from './http/durable-batch.ts'
import { DurableCalls } from './http/durable-call.ts'
import { createIsAsync } from './http/durable-wish.ts'
import { endedRunRoutes } from './http/ended-run-routes.ts'
import { eventRoutes } from './http/event-routes.ts'
import { createFeedSocket } from './http/feed-socket.ts'
import { fileRoutes } from './http/file-routes.ts'
import { formRoutes } from './http/form-routes.ts'
import { Forms } from './http/forms.ts'
import { createHotTask, mayContinue } from './http/hot-task.ts'
import { queueRoutes } from './http/queue-routes.ts'
import type { AppEnv, Route } from './http/routes.ts'
import { createRunIds } from './http/run-id.ts'
import { createRunQuestions } from './http/run-questions.ts'
import { runRoutes } from './http/run-routes.ts'
import { scheduleRoutes } from './http/schedule-routes.ts'
import { createHttpServer, type HttpServer } from './http/server.ts'
import { Sessions } from './http/sessions.ts'
import { Settings } from './http/settings.ts'
import { Shortcut } from './http/shortcut.ts'
import { statsRoutes } from './http/stats-routes.ts'
import { TaskExchange } from './http/task-exchange.ts'
import { taskRoutes } from './http/task-routes.ts'
import { Tasks } from './http/tasks.ts'
import { UploadKeys, uploadKeyRoutes } from './http/upload-keys.ts'
import { usageRoutes } from './http/usage-totals.ts'
import { WrongKeys } from './http/wrong-keys.ts'
import { ActivityLog } from './observe/activity-log.ts'
import { createFeed } from './observe/feed.ts'
import { Markers } from './observe/stats/markers.ts'
import { Stats } from './observe/stats/stats.ts'
import { SystemActivity } from './observe/system-activity.ts'
import type { Assignment, DispatchPort } from './ports/dispatch.ts'
import type { KeepPort, StoreContents, StoreListenPort, StorePort } from './ports/store.ts'
import { AllRuns } from './runs/all-runs.ts'
import { Bulk } from './runs/bulk.ts'
import { DurableRuns } from './runs/durable-runs.ts'
import { EndedRuns } from './runs/ended-runs.ts'
import { RunEvents } from './runs/events/run-events.ts'
import { InputCheck } from './runs/input-check.ts'
import { MemoryRuns } from './runs/memory-runs.ts'
import { RunHistory } from './runs/run-history.ts'
import { createRunHooks } from './runs/run-hooks.ts'
import { RunSample } from './runs/run-sample.ts'
import { Schedules } from './runs/schedules/schedules.ts'
import { ContinuedRuns } from './runs/sessions/continued-runs.ts'
import { Metering } from './runs/usage/metering.ts'
import { SchedulerTicks } from './scheduler-ticks.ts'
import { makeWebhooks } from './webhook-config.ts'

export interface BalancerParts {
  readonly config: BalancerConfig
  readonly keys: BalancerKeys
  readonly webhookSecret: string
  readonly log: Log
  readonly store: StorePort
  readonly keeper: KeepPort & StoreListenPort
  readonly contents: StoreContents
}

export interface Balancer {
  /** In the order in which they start. */
  readonly services: readonly Service[]
  readonly http: HttpServer
  /** The whole table and what serves it, for whoever walks it. */
  readonly app: Hono<AppEnv>
  routes(): readonly Route[]
  /** Takes nothing new and lets what runs finish, at most `deadlineMs`; then answers who still waits. */
  drain(deadlineMs: number): Promise<void>
}

/** Longest that `/health` says `starting`, however many workers have not answered yet. */
const STARTING_MS = 5_000
/** How long answers that were just given may take to leave. */
const LAST_WORDS_MS = 1_000

export function composeBalancer(parts: BalancerParts): Balancer {
  const { config, keys, log, store, keeper, contents } = parts
  const clock: Clock = systemClock
  const dispatch = new LateDispatch()
  const usageOf = (run: string) => metering.usageOf(run)
  const sample = new RunSample(usageOf)
  const keepFiles: KeepPort['keep'] = (writes) => keeper.keep(writes)
  const storage = new DiskFiles(join(config.dataDir, 'files'))
  const space = new FileSpace(storage, clock, config.diskReserveBytes)
  const fileKeeper = new FileKeeper({ storage, reads: store.reads, keep: keepFiles, log })
  const files = new RunFiles({
    storage,
    space,
    terms: config,
    reads: store.reads,
    keep: keepFiles,
    log,
    lastSeq: contents.runs.lastSeq,
    onDoubt: (names) => fileKeeper.doubt(names),
    onFile: (run, { path, mediaType, size }) => {
      const row = durable.held(run)?.row
      if (row) events.onFile(row, JSON.stringify({ path, mediaType, size }))
    },
  })
  const history = new RunHistory({
    mode: config.runHistory,
    next: sample,
    store,
    clock,
    log,
    files,
    keep: keepFiles,
    usageOf,
  })
  const createRunId = createRunIds(contents.epoch, clock.wallMs, contents.runs.lastId)
  const durable = new DurableRuns({
    store,
    atStart: contents.runs,
    clock,
    log,
    createRunId,
    bootOf: (worker) => fleet.bootOf(worker),
    health: () => keeper.health(),
    freeBytes: () => readFreeBytes(config.dataDir),
    terms: config,
  })
  keeper.listen(durable)
  const rowOf = (id: string) => durable.held(id)?.row
  const metering = new Metering({
    budgets: config.budgets,
    clock,
    log,
    core: () => scheduler,
    rowOf,
    keep: (writes) => keeper.keep(writes),
    next: history,
  })
  const scheduler: Scheduler = new Scheduler({
    dispatch,
    record: metering,
    usage: metering,
    ledger: durable.ledger,
    epoch: contents.epoch,
    // Behind all that is on disk, and behind what came after that as far as the clock can tell.
    firstSeq: Math.max(contents.runs.lastSeq + 1, Math.floor(clock.wallMs() * 1_000)),
    random: Math.random,
    limits: { tasksPerLane: config.queueLimit, bytes: config.queueBytes },
    maxAttempts: config.taskAttempts,
    heartbeatMs: config.heartbeatIntervalMs + config.heartbeatTimeoutMs,
    leaseMs: config.workerLeaseMs,
    starvationAfterMs: config.starvationAfterMs,
  })
  // Before any task can come: the limits of an earlier process hold.
  const settings = new Settings({
    operator: scheduler,
    keeper,
    clock,
    log,
    stored: contents.settings,
    onWarmth: (group, order) => fleet.tellWarmth(group, order),
  })
  const fleet = new Fleet({
    clock,
    log,
    contents,
    workforce: scheduler,
    health: scheduler,
    calls: scheduler,
    createRunId,
    files,
    remember: (write) => void store.apply([write]),
    openFile: (name) => storage.open(name),
    recover: (...greeted) => durable.recover(...greeted),
    warmthOf: (group) => settings.warmthOf(group),
    terms: {
      ...config,
      bootId: randomUUID(),
      fleetKey: keys.fleetKey,
      workerKey: keys.workerAuthKey,
      leaseMs: config.workerLeaseMs,
    },
  })
  dispatch.target = fleet
  const roster: Roster = new Roster({
    file: config.workersFile,
    log,
    onRoster: (entries) => {
      fleet.setRoster(entries)
      system.noteRoster(entries)
    },
    onApplied: (applied) => workersConfig.noteApplied(applied),
    onState: (state) => {
      fleet.setConfig(state)
      system.noteConfig(state)
    },
  })

  const workersConfig = new WorkersConfig({
    file: config.workersFile,
    roster,
    fleet,
    secret: keys.lbAuthKey,
    keeper,
    reads: store.reads,
    clock,
    log,
    stored: contents.configVersions,
  })
  const startedAt = new Date(clock.wallMs()).toISOString()
  const startsUntilMs = clock.monoMs() + STARTING_MS
  let isDraining = false
  const status = (): BalancerView['status'] => {
    if (isDraining) return 'draining'
    return fleet.isSettled() || clock.monoMs() >= startsUntilMs ? 'ready' : 'starting'
  }
  const balancer = (): BalancerView => ({
    name: config.name,
    environment: config.environment,
    version: BERTH_VERSION,
    startedAt,
    status: status(),
    workerLeaseMs: config.workerLeaseMs,
  })

  const sessions = new Sessions({
    store,
    stored: contents.sessions,
    clock,
    keys: { operator: keys.lbAuthKey, viewer: config.readKey },
  })
  const wrongKeys = new WrongKeys(log, clock)
  const gate = new Gate({ key: keys.lbAuthKey, readKey: config.readKey, sessions, wrongKeys })
  const activity = new ActivityLog({ keeper, reads: store.reads, clock, log, createRunId })
  const system = new SystemActivity({ activity, fleet, keeper, clock, balancer })
  const openRuns = createRunQuestions({
    list: (...asked) => runs.list(...asked),
    glance: (id) => runs.glance(id),
  })
  const feed = createFeed({ fleet, traffic: scheduler, log, clock, balancer, openRuns })
  const feedSocket = createFeedSocket({ feed, gate, sessions, log })
  const stats = new Stats({
    tallies: scheduler,
    workers: fleet,
    markers: new Markers(activity, clock),
    reads: store.reads,
    keeper,
    log,
    clock,
    freeBytes: () => readFreeBytes(config.dataDir),
    reserveBytes: config.diskReserveBytes,
  })
  const memory = new MemoryRuns({ scheduler, sample, fleet, clock, rowOf, usageOf })
  const runs = new AllRuns({
    memory,
    durable,
    reads: store.reads,
    scheduler,
    fleet,
    clock,
    progressOf: (id) => events.progressOf(id),
    outputOf: (id) => metering.outputOf(id),
    isRecorded: (status) => history.isRecorded(status),
    whenRecorded: (id) => files.whenRecorded(id),
  })
  // Known once it listens; not to be asked of a server that is closed.
  let listensAt = config.port
  const port = () => {
    const address: AddressInfo | null = http.address()
    listensAt = address?.port ?? listensAt
    return listensAt
  }
  const webhooks = makeWebhooks({
    config: config.webhooks,
    secret: parts.webhookSecret,
    isOwn: createOwnAddress(config.host, port),
    origin: () => originOf(config, port()),
    reads: store.reads,
    keeper,
    disabledUrls: contents.runs.disabledUrls,
    clock,
    log,
  })
  const events = new RunEvents({
    reads: store.reads,
    keep: (writes) => keeper.keep(writes),
    clock,
    log,
    terms: {
      eventsBytes: config.runEventsLimitBytes,
      lines: config.runLogLines,
      told: (...said) => metering.told(...said),
    },
    lastSeq: contents.runs.lastSeq,
    memory,
  })
  const schedules = new Schedules({
    reads: store.reads,
    keeper,
    runs: durable,
    atStart: contents.schedules,
    createRunId,
    clock,
    log,
    retentionMs: config.runRetentionMs,
  })
  durable.attach(scheduler, createRunHooks({ webhooks, events, files, schedules, usage: metering }))

  const { requestBodyLimitBytes: bodyLimitBytes, batchBodyLimitBytes: batchLimitBytes } = config
  const door = new Door(scheduler)
  const inputs = new InputCheck({ interfaces: fleet, contracts: scheduler })
  const background = new Background({ settings, interfaces: fleet, contracts: scheduler })
  const find = (id: string) => runs.find(id)
  const calls = new DurableCalls({ ...config, runs: durable, find, inputs, webhooks, clock, log, door })
  const openMeter: Metering['open'] = (run, level) => metering.open(run, level)
  const tasks = new Tasks({
    ...config,
    scheduler,
    clock,
    log,
    createRunId,
    durable: calls,
    background,
    files,
    openMeter,
  })
  const isAsync = createIsAsync(background)
  const batches = new DurableBatches({ runs: durable, calls, tasks, isAsync })
  const uploads = new Uploads({ storage, space, terms: config, log })
  const filesLimitBytes = config.runFilesLimitBytes
  const exchange = new TaskExchange({ tasks, log, bodyLimitBytes, door, uploads, filesLimitBytes })
  const ended = new EndedRuns({ durable, reads: store.reads, runs, sample, uploads })
  const continued = new ContinuedRuns({ durable, reads: store.reads, runs })
  const bulk = new Bulk({
    runs,
    ended,
    reads: store.reads,
    keeper,
    atStart: contents.runs.bulks,
    createRunId,
    clock,
    log,
  })
  const uploadKeys = new UploadKeys({ sessions, clock })
  const fileViews = new FileViews({
    storage,
    reads: store.reads,
    isKnown: async (id) => (await find(id)) !== undefined,
  })
  const compat = createCompat({
    ...config,
    tasks,
    runs,
    reads: store.reads,
    background,
    interfaces: fleet,
    contracts: scheduler,
    door,
    clock,
    bodyLimitBytes,
    events,
    files: fileViews,
    schedules,
    calls,
    createRunId,
    uploads,
    log,
    emailSecret: () => ensureEmailSecret(config.dataDir),
  })
  const appDeps: AppDeps = {
    gate,
    activity,
    sessions,
    fleet,
    keeper,
    settings,
    traffic: scheduler,
    log,
    clock,
    balancer,
    dashboard: readDashboard(config),
    isLoopbackHost: isLoopback(config.host),
    routes: [
      ...taskRoutes({ exchange }),
      ...runRoutes({ runs, tasks, door, bodyLimitBytes, clock }),
      ...endedRunRoutes({ runs, ended, inputs, bodyLimitBytes }),
      ...continueRoutes({ runs, continued, inputs, bodyLimitBytes }),
      ...bulkRoutes(bulk),
      ...scheduleRoutes({ schedules, calls, door, bodyLimitBytes, clock }),
      ...configRoutes({ workersConfig }),
      ...queueRoutes({ core: scheduler, settings, fleet, clock }),
      ...usageRoutes({ reads: store.reads }),
      ...statsRoutes({ stats, clock }),
      ...deliveryRoutes({ runs, deliveries: webhooks }),
      ...eventRoutes({ events }),
      ...fileRoutes({ files: fileViews }),
      ...uploadKeyRoutes(uploadKeys),
      ...formRoutes({ forms: new Forms({ keeper, clock, stored: contents.forms }) }),
      ...batchRoutes({ tasks, clock, door, bodyLimitBytes, batchLimitBytes, durable: batches, background }),
      ...compat.routes,
    ],
  }
  const app = createApp(appDeps)
  const mayContinueTask = mayContinue({ gate, exchange, uploadKeys })
  const mayContinueBatch = mayReceiveBatch({ door, batchLimitBytes })
  const http = createHttpServer({
    app,
    host: config.host,
    port: config.port,
    log,
    hot: createHotTask({ gate, exchange, uploadKeys }),
    shortcut: new Shortcut({ tasks, log, key: keys.lbAuthKey, bodyLimitBytes, door }),
    connections: limitConnections(readDescriptorLimit()),
    mayContinue: (req) => mayContinueTask(req) && mayContinueBatch(req),
    onUpgrade: (req, socket, head) => feedSocket.handleUpgrade(req, socket, head),
  })

  const fleetService: Service = {
    name: 'fleet',
    start: async () => fleet.start(),
    stop: async () => fleet.stop(),
  }
  const rosterService: Service = {
    name: 'roster',
    start: () => roster.start(),
    stop: async () => {
      await roster.stop()
      await workersConfig.settled()
    },
  }
  return {
    // The list is read before anybody can ask: a fleet that is not known yet must not look like an empty one.
    services: [
      // Ends last of all: what the others do on their way out is noted.
      activity,
      system,
      new SchedulerTicks(scheduler, clock),
      fileKeeper,
      // Ends behind all that ends tasks.
      history,
      // Ends behind the fleet: what workers tell last is written as well.
      durable,
      fleetService,
      rosterService,
      feed,
      feedSocket,
      http,
      events,
      metering,
      webhooks,
      bulk.service,
      ...compat.services,
      schedules,
      stats,
    ],
    http,
    app,
    routes: () => listRoutes(appDeps),
    async drain(deadlineMs) {
      isDraining = true
      system.noteStopping()
      scheduler.drain()
      memory.drain()
      durable.beginDrain()
      events.beginDrain()
      const endAt = clock.monoMs() + deadlineMs
      await http.drain(deadlineMs)
      await fleet.finishForeign(endAt - clock.monoMs())
      durable.releaseCallers()
      scheduler.abandonCallers(clock.monoMs())
      await http.close(LAST_WORDS_MS)
    },
  }
}

async function readFreeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** Of use within this network at least; callers' own way to it goes before. */
function originOf({ host, name }: BalancerConfig, port: number): string {
  const isAnywhere = host === '0.0.0.0' || host === '::'
  const shown = isAnywhere ? name : host
  return `http://${shown.includes(':') ? `[${shown}]` : shown}:${port}`
}

/** The core needs its dispatch before the fleet exists, and the fleet needs the core. */
class LateDispatch implements DispatchPort {
  target: DispatchPort | undefined

  send(assignment: Assignment): void {
    this.target?.send(assignment)
  }

  recall(worker: string, attemptId: number): void {
    this.target?.recall(worker, attemptId)
  }

  cancel(...[worker, attemptId, reason]: Parameters<DispatchPort['cancel']>): void {
    this.target?.cancel(worker, attemptId, reason)
  }

  acknowledge(worker: string, attemptId: number, fence: number): void {
    this.target?.acknowledge(worker, attemptId, fence)
  }
}

function readDashboard(config: BalancerConfig): Dashboard {
  if (!config.isDashboardEnabled) return 'off'
  return readAssets(fileURLToPath(new URL('../../dashboard/dist', import.meta.url)))
}
