/**
 * The front of a balancer: everything that answers at its port, with all routes. Made by compose.ts, once all that it
 * asks exists; with that file the only one that constructs services.
 * Invariant: what is made here is asked by callers alone; core, fleet and runs work without it.
 */
import { fileURLToPath } from 'node:url'
import { type BalancerView, isLoopback } from '@berth/protocol'
import type { Clock, Service } from '@berth/runtime'
import type { Hono } from 'hono'
import { ensureEmailSecret } from './compat-config.ts'
import type { BalancerParts } from './compose.ts'
import type { BalancerConfig } from './config.ts'
import type { Scheduler } from './core/scheduler.ts'
import type { DiskFiles } from './files/disk-files.ts'
import type { FileSpace } from './files/file-space.ts'
import { FileViews } from './files/file-views.ts'
import type { RunFiles } from './files/run-files.ts'
import { Uploads } from './files/uploads.ts'
import type { WorkersConfig } from './fleet/config/workers-config.ts'
import type { Fleet } from './fleet/fleet.ts'
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
import { createFeedSocket, type FeedSocket } from './http/feed-socket.ts'
import { fileRoutes } from './http/file-routes.ts'
import { formRoutes } from './http/form-routes.ts'
import { Forms } from './http/forms.ts'
import { createHotTask, mayContinue } from './http/hot-task.ts'
import { queueRoutes } from './http/queue-routes.ts'
import type { AppEnv, Route } from './http/routes.ts'
import { runRoutes } from './http/run-routes.ts'
import { scheduleRoutes } from './http/schedule-routes.ts'
import { createHttpServer, type HttpServer } from './http/server.ts'
import { Sessions } from './http/sessions.ts'
import type { Settings } from './http/settings.ts'
import { Shortcut } from './http/shortcut.ts'
import { statsRoutes } from './http/stats-routes.ts'
import { TaskExchange } from './http/task-exchange.ts'
import { taskRoutes } from './http/task-routes.ts'
import { Tasks } from './http/tasks.ts'
import { UploadKeys, uploadKeyRoutes } from './http/upload-keys.ts'
import { usageRoutes } from './http/usage-totals.ts'
import { WrongKeys } from './http/wrong-keys.ts'
import type { ActivityLog } from './observe/activity-log.ts'
import type { Feed } from './observe/feed.ts'
import type { Stats } from './observe/stats/stats.ts'
import type { AllRuns } from './runs/all-runs.ts'
import { Bulk } from './runs/bulk.ts'
import type { DurableRuns } from './runs/durable-runs.ts'
import { EndedRuns } from './runs/ended-runs.ts'
import type { RunEvents } from './runs/events/run-events.ts'
import { InputCheck } from './runs/input-check.ts'
import type { RunSample } from './runs/run-sample.ts'
import type { Schedules } from './runs/schedules/schedules.ts'
import { ContinuedRuns } from './runs/sessions/continued-runs.ts'
import type { Metering } from './runs/usage/metering.ts'
import type { Webhooks } from './runs/webhooks/webhooks.ts'

export interface FrontParts extends BalancerParts {
  readonly clock: Clock
  readonly createRunId: () => string
  readonly balancer: () => BalancerView
  readonly scheduler: Scheduler
  readonly settings: Settings
  readonly fleet: Fleet
  readonly workersConfig: WorkersConfig
  readonly runs: AllRuns
  readonly durable: DurableRuns
  readonly sample: RunSample
  readonly events: RunEvents
  readonly metering: Metering
  readonly schedules: Schedules
  readonly webhooks: Webhooks
  readonly storage: DiskFiles
  readonly space: FileSpace
  readonly files: RunFiles
  readonly activity: ActivityLog
  readonly feed: Feed
  readonly stats: Stats
}

export interface Front {
  readonly http: HttpServer
  /** The whole table and what serves it, for whoever walks it. */
  readonly app: Hono<AppEnv>
  routes(): readonly Route[]
  readonly feedSocket: FeedSocket
  /** What it began for callers goes on by itself. */
  readonly bulk: Service
  readonly compat: readonly Service[]
}

export function composeFront(parts: FrontParts): Front {
  const { config, keys, log, store, keeper, contents, clock, createRunId, balancer } = parts
  const { scheduler, settings, fleet, workersConfig, storage, space, files } = parts
  const { runs, durable, sample, events, metering, schedules, webhooks, activity, feed, stats } = parts
  const sessions = new Sessions({
    store,
    stored: contents.sessions,
    clock,
    keys: { operator: keys.lbAuthKey, viewer: config.readKey },
  })
  const wrongKeys = new WrongKeys(log, clock)
  const gate = new Gate({ key: keys.lbAuthKey, readKey: config.readKey, sessions, wrongKeys })
  const feedSocket = createFeedSocket({ feed, gate, sessions, log })

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
  return {
    http,
    app,
    routes: () => listRoutes(appDeps),
    feedSocket,
    bulk: bulk.service,
    compat: compat.services,
  }
}

function readDashboard(config: BalancerConfig): Dashboard {
  if (!config.isDashboardEnabled) return 'off'
  return readAssets(fileURLToPath(new URL('../../dashboard/dist', import.meta.url)))
}
