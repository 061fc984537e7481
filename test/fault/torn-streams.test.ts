/**
 * A link that breaks behind a stream whose handler has already ended: its chunks and its END are under way and are
 * lost together (FAULTS B1, B7). The worker still knows that it has ended, and nobody may take what is left for all.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { bodyOf, LIMIT_MS, waitForStatus } from '../end-to-end/fleet.ts'
import { type StreamFleet, writeStreamFleet } from '../end-to-end/stream-fleet.ts'
import {
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LinkProxy } from './link-proxy.ts'

describe('a stream that has ended behind a frozen link', () => {
  const scope = createScope()
  let fleet: StreamFleet
  let worker: Worker
  let proxy: LinkProxy
  let balancer: Balancer

  before(async () => {
    fleet = await writeStreamFleet(await makeFolder(scope, 'torn'))
    worker = await startWorker(scope, { folder: fleet.folder, env: { SLOTS: '4' } })
    proxy = await LinkProxy.start(scope, worker.port)
    balancer = await startBalancer(scope, { workers: [{ url: proxy.url, name: 'w1' }] })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  /** The answer to a stream of which nothing arrives before its link breaks. */
  async function tear(task: object, hasEnded: () => Promise<unknown>) {
    proxy.freeze('up')
    const answer = postTask(balancer, { mode: 'stream', ...task })
    await hasEnded()
    await until(async () => (await usedSlots(worker)) === 0, LIMIT_MS, 'the handler has ended')
    proxy.cut()
    proxy.heal()
    const told = await answer
    await waitForStatus(balancer, 'w1', 'ready')
    return told
  }

  test('is lost where it may not be repeated', async () => {
    const input = { bytes: 100, piece: 10, name: 'once' }
    const told = await tear({ function: 'flood', input }, () => fleet.untilSaid('once done'))
    assert.equal(told.status, 502, told.text)
    assert.equal(bodyOf(told).code, 'WORKER_LOST')
  })

  test('is made again, whole, where it may be', async () => {
    await fleet.tell('all of it')
    const input = { words: ['all of it'] }
    const told = await tear({ function: 'words', input }, () => fleet.untilSaid('made all of it'))
    assert.deepEqual([told.status, told.text], [200, 'all of it'])
    assert.equal((await fleet.said()).filter((word) => word === 'made all of it').length, 2)
  })
})

async function usedSlots(worker: Worker): Promise<number | undefined> {
  const { slots } = (await worker.request('/health')).body as { slots?: { used: number } }
  return slots?.used
}
