/**
 * Puts one worker together, starts it, drains it and stops it. Called by `main.ts` and by tests; the only file
 * that constructs the parts.
 *
 *   load ─▶ listen (starting) ─▶ services and tags ─▶ ready ─▶ drain ─▶ stop
 *
 * Invariant: a worker that cannot load all of its files never listens; one that stops leaves no handle behind.
 */
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isLoopback } from '@berth/protocol'
import { createOwnAddress, type Log, makeKey, systemClock } from '@berth/runtime'
import { getRequestListener } from '@hono/node-server'
import { type Keys, nameOf, type WorkerConfig } from './config.ts'
import { describeInterface } from './functions/interface.ts'
import { loadProject } from './functions/project.ts'
import { Registry } from './functions/registry.ts'
import { resolveOwnPackages } from './functions/resolve.ts'
import { createHotTask } from './http/hot-task.ts'
import { createHttp, explainUnroutable, mayContinue } from './http/http.ts'
import { createWorkerServer } from './http/http-server.ts'
import { Condition } from './intake/condition.ts'
import { Intake } from './intake/intake.ts'
import { Runners } from './isolate/runners.ts'
import { LinkServer } from './link/link.ts'
import { SlotFeed } from './link/slot-feed.ts'
import { Metrics } from './observe/metrics.ts'
import { SystemMeter } from './observe/system.ts'
import type { WorkerParts } from './parts.ts'
import type { FunctionEnv } from './privacy/env-file.ts'
import { Secrets } from './privacy/secrets.ts'
import { Services } from './services/services.ts'
import { TagBoard } from './services/tags.ts'
import { makeDeliveries } from './webhook/webhook-config.ts'

const METER_EVERY_MS = 1_000
/** What takes longer to get warm is called cold rather than keep all of the worker out of service. */
const WARM_LIMIT_MS = 60_000
/** What is told to stop at the end of a drain gets this long to obey. */
const ABANDON_MS = 1_000

export interface RunningWorker {
  /** `http://host:port` as it listens. */
  readonly url: string
  readonly parts: WorkerParts
  /** Takes nothing new and finishes what runs; what is left at the limit is told to stop. */
  drain(limitMs: number): Promise<void>
  stop(): Promise<void>
}

export interface WorkerOptions {
  /** What functions and services get as `ctx.env`; default nothing. */
  readonly env?: FunctionEnv
  /** The environment of threads and commands; without the keys of this worker. */
  readonly processEnv?: Readonly<Record<string, string>>
  /** What errors may not carry out of the process; `log` hides it by itself. */
  readonly secrets?: Secrets
  /** Called when all files are loaded; the worker listens when it resolves. */
  readonly beforeListen?: () => Promise<void>
}

/** Throws a LoadError for files that do not load, and the system's error when the port cannot be had. */
export async function startWorker(
  config: WorkerConfig,
  keys: Keys,
  folder: string,
  log: Log,
  { env = {}, processEnv = {}, secrets = new Secrets(), beforeListen }: WorkerOptions = {},
): Promise<RunningWorker> {
  resolveOwnPackages(folder)
  const loaded = await loadProject(folder)
  const condition = new Condition()
  const intake = new Intake(condition, { slots: config.SLOTS, queueLimit: config.QUEUE_LIMIT })
  const registry = new Registry(loaded.functions)
  const runners = new Runners(loaded.functions, {
    clock: systemClock,
    log,
    env,
    folder,
    processEnv,
    size: config.SLOTS,
  })
  const system = new SystemMeter()
  const tags = new TagBoard(config.TAGS, loaded.tags, log)
  const onServices = () => {
    condition.setDown(services.downReason)
    links.noteChange()
  }
  const services = new Services(loaded.services, log, onServices, { env })
  const metrics = new Metrics()
  const isOwn = createOwnAddress(config.HOST, () => portOf(server))
  const deliveries = makeDeliveries(config, log, isOwn)
  const parts: WorkerParts = {
    identity: {
      name: nameOf(config),
      bootId: makeKey(12),
      group: config.GROUP,
      contract: config.CONTRACT,
    },
    limits: {
      defaultPriority: config.DEFAULT_PRIORITY,
      defaultTimeoutMs: config.DEFAULT_TIMEOUT,
      backgroundTimeoutMs: config.BACKGROUND_TIMEOUT,
      requestBodyBytes: config.REQUEST_BODY_LIMIT,
      resultBytes: config.RESULT_LIMIT,
    },
    registry,
    interface: describeInterface(registry),
    runners,
    condition,
    intake,
    services,
    tags,
    system,
    metrics,
    deliveries,
    clock: systemClock,
    env,
    secrets,
    log,
  }
  const links = new LinkServer(parts, keys)
  const pages = { isEnabled: config.OPENAPI_ENABLED, isOpen: isLoopback(config.HOST) }
  const server = createWorkerServer({
    hot: createHotTask(parts, keys),
    route: getRequestListener(createHttp(parts, keys, pages).fetch, {
      overrideGlobalObjects: false,
      errorHandler: explainUnroutable,
    }),
    mayContinue: mayContinue(parts, keys),
  })
  await beforeListen?.()
  await listen(server, config.PORT, config.HOST)
  links.attach(server)
  const { WEBSOCKET_PORT } = config
  const feed = WEBSOCKET_PORT === undefined ? undefined : new SlotFeed(parts, keys)
  if (feed) parts.feedPort = await feed.start(WEBSOCKET_PORT ?? 0, config.HOST)
  const url = urlOf(server, config.HOST)
  if (loaded.functions.length === 0)
    log.warn(`no functions in ${join(folder, 'functions')}: this worker has nothing to run; put a file there`)
  log.info('worker listening', { url, functions: registry.list().map(({ name }) => name) })
  const meter = setInterval(() => system.read(), METER_EVERY_MS).unref()
  const stopWatching = logCondition(parts, url)
  const stopCounting = log.follow(metrics.noteLine)
  await Promise.all([services.start(), tags.start()])
  // What is kept warm may need the services; whoever waits for this worker finds it ready.
  await runners.warmth.start(WARM_LIMIT_MS)
  condition.setDown(services.downReason)
  condition.started()

  return {
    url,
    parts,
    drain: (limitMs) => drain(parts, limitMs),
    async stop() {
      deliveries.stop()
      await links.stop('the worker is shutting down')
      await feed?.stop()
      await closeServer(server)
      clearInterval(meter)
      stopWatching()
      stopCounting()
      tags.stop()
      system.stop()
      await runners.stop()
      await services.stop()
    },
  }
}

async function drain(parts: WorkerParts, limitMs: number): Promise<void> {
  const { condition, intake, deliveries, log } = parts
  condition.drain()
  const isDone = intake.whenIdle().then(() => deliveries.whenIdle())
  await Promise.race([isDone, sleep(limitMs, undefined, { ref: false })])
  if (intake.isIdle) return
  log.warn('the time to finish is over', { running: intake.used, queued: intake.queued })
  intake.abandon()
  await Promise.race([intake.whenIdle(), sleep(ABANDON_MS, undefined, { ref: false })])
  intake.leave()
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.removeListener('error', reject)
      resolve()
    })
  })
}

function urlOf(server: Server, host: string): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${portOf(server)}`
}

/** 0 while it does not listen, which no request can be sent to. */
function portOf(server: Server): number {
  return (server.address() as AddressInfo | null)?.port ?? 0
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeIdleConnections()
    // Whoever is still being answered has had the time of the drain.
    setTimeout(() => server.closeAllConnections(), 500).unref()
  })
}

/** One line a change of status; the first `ready` says where. */
function logCondition({ condition, log }: WorkerParts, url: string): () => void {
  let shown: string = condition.status
  return condition.onChange(() => {
    const { status, reason } = condition
    if (status === shown) return
    shown = status
    log.info(`worker ${status}`, reason === undefined ? { url } : { url, reason })
  })
}
