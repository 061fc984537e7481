/**
 * What a balancer says of itself until it knows its workers: `/health` is for people, `/readyz` for whoever
 * sends it traffic, and that one waits for nobody.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type Balancer, postTask, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS } from './fleet.ts'

/** An address that takes connections and never says a word. */
async function startMute(t: TestContext): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function statusOf(balancer: Balancer): Promise<unknown> {
  return bodyOf(await balancer.request('/health')).status
}

test('`starting` until every listed worker has answered or failed once; ready for tasks all the while', async (t) => {
  const worker = await startWorker(t)
  const workers = [worker.url, await startMute(t)]
  const balancer = await startBalancer(t, { workers, env: { WORKER_DISCOVERY_TIMEOUT: '4s' } })
  assert.equal(await statusOf(balancer), 'starting')
  const ready = await balancer.request('/readyz')
  assert.deepEqual([ready.status, ready.body], [200, { status: 'ready' }])
  await waitForWorkers(balancer, 1)
  assert.equal((await postTask(balancer, { function: 'hello' })).status, 200)
  await until(async () => (await statusOf(balancer)) === 'ready', LIMIT_MS, 'ready')
  assert.ok(balancer.logLines().some(({ text }) => text === 'fleet settled'))
})

test('`starting` lasts a few seconds at most, whoever does not answer', async (t) => {
  const workers = [await startMute(t)]
  const balancer = await startBalancer(t, { workers, env: { WORKER_DISCOVERY_TIMEOUT: '60s' } })
  const startedAtMs = performance.now()
  assert.equal(await statusOf(balancer), 'starting')
  await until(async () => (await statusOf(balancer)) === 'ready', LIMIT_MS, 'ready')
  const tookMs = performance.now() - startedAtMs
  assert.ok(tookMs < 30_000, `it took ${tookMs} ms`)
})
