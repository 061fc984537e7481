/**
 * Whose word keeps a worker in maintenance, over restarts, renames and edits of the list: balancer and worker
 * must agree in the end, or tasks would be sent where nobody takes them.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
  writeWorkersFile,
} from '../harness/berth.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS, listWorkers, waitForStatus } from './fleet.ts'

const OFF = { method: 'POST', body: '{"reason":"a new disk"}' }
const ON = { method: 'POST' }

function restartIn(balancer: Balancer, env: Record<string, string>) {
  const { port, dataDir, workersFile } = balancer
  return { env: { PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile, ...env } }
}

async function ownStatus(worker: Worker): Promise<unknown> {
  return bodyOf(await worker.request('/health')).status
}

function waitForOwn(worker: Worker, status: string): Promise<unknown> {
  return until(async () => (await ownStatus(worker)) === status, LIMIT_MS, `the worker itself says ${status}`)
}

async function runTask(balancer: Balancer): Promise<unknown> {
  const task = { function: 'hello', deadline: new Date(Date.now() + 5_000).toISOString() }
  const answer = await postTask(balancer, task)
  return [answer.status, bodyOf(answer).code]
}

test('an `on` after a restart under another name ends what the former name ordered', async (t) => {
  const worker = await startWorker(t)
  const workers = [{ url: worker.url, name: 'w1' }]
  const first = await startBalancer(t, { workers, env: { NAME: 'pod-1' } })
  await waitForWorkers(first, 1)
  assert.equal((await first.request('/workers/w1/off', OFF)).status, 200)
  await waitForOwn(worker, 'maintenance')
  await first.stop()
  assert.equal(await ownStatus(worker), 'maintenance', 'kept while the balancer is away')

  const second = await startBalancer(t, restartIn(first, { NAME: 'pod-2' }))
  await waitForStatus(second, 'w1', 'maintenance')
  assert.equal((await second.request('/workers/w1/on', ON)).status, 200)
  await waitForStatus(second, 'w1', 'ready')
  assert.deepEqual(await runTask(second), [200, undefined])
  assert.equal(await ownStatus(worker), 'ready')
})

test('what a balancer ordered ends by itself when it is away for longer than its lease', async (t) => {
  const worker = await startWorker(t)
  const workers = [{ url: worker.url, name: 'w1', maintenance: true }]
  const heartbeat = { WS_HEARTBEAT_INTERVAL: '200ms', WS_HEARTBEAT_TIMEOUT: '200ms' }
  const first = await startBalancer(t, { workers, env: { ...heartbeat, WORKER_LEASE: '1s' } })
  await waitForOwn(worker, 'maintenance')
  await first.kill9()
  await waitForOwn(worker, 'ready')
})

test('two balancers of one name: neither ends what the other ordered, nor sends where it is refused', async (t) => {
  const worker = await startWorker(t)
  const workers = [{ url: worker.url, name: 'w1' }]
  const saidByFile = workers.map((entry) => ({ ...entry, maintenance: true }))
  const first = await startBalancer(t, { workers: saidByFile, env: { NAME: 'pod' } })
  await waitForOwn(worker, 'maintenance')
  const second = await startBalancer(t, { workers, env: { NAME: 'pod' } })
  await waitForStatus(second, 'w1', 'maintenance')
  assert.equal(await ownStatus(worker), 'maintenance')

  // The other one's file still says so: this `on` cannot end it, and must not hide it either.
  assert.equal((await second.request('/workers/w1/on', ON)).status, 200)
  await waitForStatus(second, 'w1', 'maintenance')
  const line = (await listWorkers(second)).find(({ id }) => id === 'w1')
  assert.deepEqual([line?.maintenance?.by, line?.reason], ['worker', 'maintenance by file'])
  assert.deepEqual(await runTask(second), [503, 'NO_CAPACITY'])

  await writeWorkersFile(first.workersFile, workers)
  await waitForStatus(second, 'w1', 'ready')
  assert.deepEqual(await runTask(second), [200, undefined])
})

test('a worker that leaves the list in maintenance is let go', async (t) => {
  const worker = await startWorker(t)
  const balancer = await startBalancer(t, { workers: [{ url: worker.url, name: 'w1' }] })
  await waitForWorkers(balancer, 1)
  assert.equal((await balancer.request('/workers/w1/off', OFF)).status, 200)
  await waitForOwn(worker, 'maintenance')
  await writeWorkersFile(balancer.workersFile, [])
  await waitForOwn(worker, 'ready')
  await until(async () => (await listWorkers(balancer)).length === 0, LIMIT_MS, 'it has left')
})

test('one process under two addresses is one worker, and the configuration says so', async (t) => {
  const worker = await startWorker(t, { env: { HOST: '127.0.0.1', SLOTS: '3' } })
  const workers = [worker.url, `http://localhost:${worker.port}`]
  const balancer = await startBalancer(t, { workers })
  await waitForWorkers(balancer, 1)
  const warnings = async () =>
    ((await balancer.request('/health')).body as { config: { warnings: string[] } }).config.warnings
  await until(async () => (await warnings()).length === 1, LIMIT_MS, 'a warning')
  assert.match((await warnings())[0] ?? '', /lead to one process/)
  const inService = (await listWorkers(balancer)).filter(({ status }) => status === 'ready')
  assert.deepEqual(
    inService.map(({ slots }) => slots?.limit),
    [3],
  )
})
