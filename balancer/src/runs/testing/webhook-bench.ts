/** Webhooks on a store without a disk, with real requests on loopback: for the tests of this folder and of faults. */
import assert from 'node:assert/strict'
import {
  createLog,
  type IsOwnAddress,
  Outbound,
  parseAllow,
  parseWebhookSecrets,
  type Resolve,
  systemClock,
} from '@berth/runtime'
import type { RunWrite } from '../../ports/run-writes.ts'
import type { StoredDelivery } from '../../ports/stored-delivery.ts'
import type { DoneRun, LiveRun, RunEnd } from '../../ports/stored-run.ts'
import { MemoryDisk, MemoryStore } from '../../store/memory-store.ts'
import { StoreKeeper } from '../../store/store-keeper.ts'
import { QUEUE_BOUNDS, type QueueBounds, type QueueTerms } from '../webhooks/webhook-queue.ts'
import { Webhooks } from '../webhooks/webhooks.ts'
import { makeEnd, makeLiveRun, makeWebhook, NO_PAYLOAD } from './run-rows.ts'

export const SECRET = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
export const OTHER_SECRET = `whsec_${Buffer.alloc(32, 2).toString('base64')}`

export interface BenchOptions {
  readonly disk?: MemoryDisk
  readonly terms?: Partial<QueueTerms>
  readonly bounds?: Partial<QueueBounds>
  readonly secret?: string
  readonly allow?: readonly string[]
  readonly resolve?: Resolve
  readonly isOwn?: IsOwnAddress
}

export interface WebhookBench {
  readonly disk: MemoryDisk
  readonly webhooks: Webhooks
  readonly lines: readonly string[]
  /** What was to be kept, together each time. */
  readonly kept: readonly (readonly RunWrite[])[]
  keep(writes: readonly RunWrite[]): Promise<void>
  /** A run with that webhook has ended: all is on disk, and the queue is told. */
  end(run: Partial<LiveRun>, end?: Partial<RunEnd>): Promise<StoredDelivery>
  /** The same, but nobody tells the queue: as after a crash. */
  store(run: Partial<LiveRun>, end?: Partial<RunEnd>): Promise<StoredDelivery>
  /** The delivery as it is on disk, once its state is none of these. */
  settled(id: string, ...not: StoredDelivery['state'][]): Promise<StoredDelivery>
  run(id: string): DoneRun
  stop(): Promise<void>
}

const TERMS: QueueTerms = {
  inlineLimitBytes: 256 * 1024,
  origin: () => 'http://balancer.test:4000',
  headers: {},
  secrets: [],
  timeoutMs: 5_000,
  maxRetries: 9,
  ladderMs: [1],
}

export async function makeWebhookBench(options: BenchOptions = {}): Promise<WebhookBench> {
  const disk = options.disk ?? new MemoryDisk()
  const store = new MemoryStore({ disk })
  const log = createLog({ source: 'test', level: 'debug', write: () => {} })
  const keeper = new StoreKeeper({ store, clock: systemClock, log })
  const contents = await store.open(keeper)
  const secrets = parseWebhookSecrets(options.secret ?? SECRET)
  const allow = parseAllow(options.allow ?? ['127.0.0.0/8'], options.isOwn)
  if (!allow.ok) assert.fail(allow.problem)
  const kept: (readonly RunWrite[])[] = []
  const webhooks = new Webhooks({
    reads: store.reads,
    keep: (writes) => {
      kept.push(writes)
      return keeper.keep(writes)
    },
    outbound: new Outbound(allow.rules, options.resolve),
    clock: systemClock,
    log,
    random: () => 0,
    terms: { ...TERMS, secrets: secrets.ok ? secrets.secrets : [], ...options.terms },
    disabledUrls: contents.runs.disabledUrls,
    bounds: { ...QUEUE_BOUNDS, againAfterMs: 5, ...options.bounds },
  })
  await webhooks.start()
  const keep = async (writes: readonly RunWrite[]) => {
    const answer = await keeper.keep(writes)
    if (!answer.ok) assert.fail(answer.detail)
  }
  const finish = async (changes: Partial<LiveRun>, ends: Partial<RunEnd> = {}) => {
    const run = makeLiveRun(changes)
    const end = makeEnd(ends)
    const delivery = webhooks.deliveryOf(run, end)
    assert.ok(delivery)
    await keep([
      { kind: 'runs-accepted', runs: [{ run, payload: NO_PAYLOAD }], key: null },
      { kind: 'run-finished', seq: run.seq, fence: null, end, events: [], delivery, keyExpiresMs: null },
    ])
    return { run, end, delivery }
  }
  return {
    disk,
    webhooks,
    kept,
    get lines() {
      return log.lines()
    },
    keep,
    async end(changes, ends) {
      const { run, end, delivery } = await finish(changes, ends)
      webhooks.stored(delivery, run, end)
      return delivery
    },
    async store(changes, ends) {
      return (await finish(changes, ends)).delivery
    },
    async settled(id, ...not) {
      const unwanted = not.length > 0 ? not : ['pending']
      for (let n = 0; n < 15_000; n++) {
        const delivery = disk.runs.deliveries.get(id)
        if (delivery && !unwanted.includes(delivery.state)) return delivery
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      return assert.fail(`the delivery is still ${disk.runs.deliveries.get(id)?.state}`)
    },
    run(id) {
      const run = [...disk.runs.done.values()].find((done) => done.id === id)
      return run ?? assert.fail('no such run')
    },
    async stop() {
      await webhooks.stop()
      keeper.stop()
      await store.close()
    },
  }
}

export { makeEnd, makeWebhook }
