/**
 * Many schedules on one second (J12): a store on disk, durable runs and the core with a function that no worker of
 * now runs, in this process, so that its event loop can be watched. Used in the small by schedules.test.ts, in the
 * large by the nightly set.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createLog, systemClock } from '@berth/runtime'
import { Scheduler } from '../../balancer/src/core/scheduler.ts'
import { createRunIds } from '../../balancer/src/http/run-id.ts'
import type { ScheduleWrite } from '../../balancer/src/ports/schedule-store.ts'
import { DurableRuns } from '../../balancer/src/runs/durable-runs.ts'
import { Schedules } from '../../balancer/src/runs/schedules/schedules.ts'
import { newRun } from '../../balancer/src/runs/schedules/testing/schedule-bench.ts'
import { SqliteStore } from '../../balancer/src/store/sqlite-store.ts'
import { StoreKeeper } from '../../balancer/src/store/store-keeper.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'

export type Burst = {
  /** From the instant to the last run on disk. */
  readonly tookMs: number
  readonly delayP99Ms: number
  readonly delayMaxMs: number
}

const AT_ONCE = 1_000
const LIMIT_MS = 300_000
const DAY_MS = 86_400_000

/** Resolves when every one of them has fired, each once. */
export async function fireTogether(scope: Scope, count: number): Promise<Burst> {
  const folder = await makeFolder(scope, 'burst')
  const log = createLog({ source: 'test', level: 'warn', write: () => {} })
  const clock = systemClock
  const store = new SqliteStore({ path: join(folder, 'berth.db') })
  const keeper = new StoreKeeper({ store, clock, log })
  const contents = await store.open(keeper)
  const createRunId = createRunIds(contents.epoch, clock.wallMs)
  const durable = new DurableRuns({
    store,
    atStart: contents.runs,
    clock,
    log,
    createRunId,
    bootOf: () => undefined,
    health: () => keeper.health(),
    freeBytes: async () => Number.MAX_SAFE_INTEGER,
    terms: { runLimit: 5_000_000, diskReserveBytes: 0, runRetentionMs: DAY_MS, idempotencyLimit: 1 },
  })
  keeper.listen(durable)
  durable.attach(makeCore(durable))
  const schedules = new Schedules({
    reads: store.reads,
    keeper,
    runs: durable,
    atStart: contents.schedules,
    createRunId,
    clock,
    log,
    retentionMs: DAY_MS,
  })
  const atMs = await fill(keeper, count)
  await durable.start()
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const beganAtMs = Math.max(atMs, Date.now())
  await schedules.start()
  await until(() => durable.live >= count, LIMIT_MS, `${count} runs are on disk`)
  const tookMs = Date.now() - beganAtMs
  delay.disable()
  await schedules.stop()
  await durable.stop()
  await keeper.keep([{ kind: 'touch' }])
  assert.equal(await store.reads.count({}, count + 1), count)
  const { due, nextMs } = await store.reads.dueSchedules(Date.now(), 1)
  assert.deepEqual([due.length, nextMs !== null], [0, true])
  await store.close()
  return { tookMs, delayP99Ms: delay.percentile(99) / 1e6, delayMaxMs: delay.max / 1e6 }
}

/** Schedules that fire once a day, at an instant that comes when they are all there; that instant. */
async function fill(keeper: StoreKeeper, count: number): Promise<number> {
  const atMs = Math.ceil(Date.now() / 1_000) * 1_000
  const { hours, minutes, seconds } = clockOf(atMs)
  const terms = { type: 'cron', cron: `${seconds} ${minutes} ${hours} * * *`, timezone: 'UTC' } as const
  const { payload, ...order } = newRun()
  const writes = Array.from({ length: count }, (_, at): ScheduleWrite => {
    const id = `s_${String(at).padStart(26, '0')}`
    const own = {
      group: 'default',
      function: 'hello',
      session: null,
      terms,
      overlap: 'skip',
      missed: 'once',
      enabled: true,
    } as const
    const times = { createdMs: atMs, updatedMs: atMs, anchorMs: atMs }
    const schedule = { id, ...own, order: JSON.stringify(order), body: '{"function":"hello"}', ...times }
    return { kind: 'schedule-set', schedule, nextMs: atMs, doneMs: null, dropsWaiting: false, payload }
  })
  for (let at = 0; at < count; at += AT_ONCE)
    assert.deepEqual(await keeper.keep(writes.slice(at, at + AT_ONCE)), { ok: true })
  return atMs
}

function clockOf(ms: number): { hours: number; minutes: number; seconds: number } {
  const date = new Date(ms)
  return { hours: date.getUTCHours(), minutes: date.getUTCMinutes(), seconds: date.getUTCSeconds() }
}

function makeCore(durable: DurableRuns): Scheduler {
  const core = new Scheduler({
    dispatch: { send() {}, recall() {}, cancel() {}, acknowledge() {} },
    ledger: durable.ledger,
    epoch: 1,
    random: Math.random,
    limits: { tasksPerLane: 10_000, bytes: 512 * 1024 * 1024 },
    maxAttempts: 3,
    heartbeatMs: 6_000,
    leaseMs: 30_000,
    firstSeq: 1,
  })
  core.setWorker(WORKER, systemClock.monoMs())
  core.settleFleet(systemClock.monoMs())
  return core
}

const WORKER = {
  id: 'w0',
  group: 'default',
  contract: 1,
  interfaceHash: 'one',
  functions: new Map([['hello', { slots: 1, idempotent: null, maxRetries: 0 }]]),
  tags: {},
  weight: 1,
  isInService: false,
  outReason: 'unreachable',
} as const
