/**
 * Puts a balancer together: with front.ts the only file that constructs services and ties the core to its ports.
 * Called by main with a checked configuration; tests of whole processes go through main as well.
 */
import { randomUUID } from 'node:crypto'
import { statfs } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type BalancerView, BERTH_VERSION } from '@berth/protocol'
import { type Clock, createOwnAddress, type Log, type Service, systemClock } from '@berth/runtime'
import type { Hono } from 'hono'
import type { BalancerConfig, BalancerKeys } from './config.ts'
import { Scheduler } from './core/scheduler.ts'
import { DiskFiles } from './files/disk-files.ts'
import { FileKeeper } from './files/file-keeper.ts'
import { FileSpace } from './files/file-space.ts'
import { RunFiles } from './files/run-files.ts'
import { WorkersConfig } from './fleet/config/workers-config.ts'
import { Fleet } from './fleet/fleet.ts'
import { Roster } from './fleet/roster.ts'
import { composeFront } from './front.ts'
import type { AppEnv, Route } from './http/routes.ts'
import { createRunIds } from './http/run-id.ts'
import { createRunQuestions } from './http/run-questions.ts'
import type { HttpServer } from './http/server.ts'
import { Settings } from './http/settings.ts'
import { LateDispatch } from './late-dispatch.ts'
import { ActivityLog } from './observe/activity-log.ts'
import { createFeed } from './observe/feed.ts'
import { Markers } from './observe/stats/markers.ts'
import { Stats } from './observe/stats/stats.ts'
import { SystemActivity } from './observe/system-activity.ts'
import type { KeepPort, StoreContents, StoreListenPort, StorePort } from './ports/store.ts'
import { AllRuns } from './runs/all-runs.ts'
import { DurableRuns } from './runs/durable-runs.ts'
import { RunEvents } from './runs/events/run-events.ts'
import { MemoryRuns } from './runs/memory-runs.ts'
import { RunHistory } from './runs/run-history.ts'
import { createRunHooks } from './runs/run-hooks.ts'
import { RunSample } from './runs/run-sample.ts'
import { Schedules } from './runs/schedules/schedules.ts'
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

  const activity = new ActivityLog({ keeper, reads: store.reads, clock, log, createRunId })
  const system = new SystemActivity({ activity, fleet, keeper, clock, balancer })
  const openRuns = createRunQuestions({
    list: (...asked) => runs.list(...asked),
    glance: (id) => runs.glance(id),
  })
  const feed = createFeed({ fleet, traffic: scheduler, log, clock, balancer, openRuns })
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

  const front = composeFront({
    ...parts,
    clock,
    createRunId,
    balancer,
    scheduler,
    settings,
    fleet,
    workersConfig,
    runs,
    durable,
    sample,
    events,
    metering,
    schedules,
    webhooks,
    storage,
    space,
    files,
    activity,
    feed,
    stats,
  })
  const { http } = front

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
      front.feedSocket,
      http,
      events,
      metering,
      webhooks,
      front.bulk,
      ...front.compat,
      schedules,
      stats,
    ],
    http,
    app: front.app,
    routes: () => front.routes(),
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
