/**
 * B20: a balancer behind thousands of links is killed, and so are all its workers; each time everybody comes back at
 * once. The links are real, their workers small and all in one process. About two minutes.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { callAtOnce } from '../../end-to-end/load.ts'
import { type Balancer, postTask, ROOT, startBalancer } from '../../harness/berth.ts'
import { type Running, startProcess } from '../../harness/processes.ts'
import { makeFolder } from '../../harness/scope.ts'
import { until } from '../../harness/until.ts'
import { residentBytes } from '../descriptors.ts'
import { askWeight, WEIGHABLE } from '../weight.ts'

const WORKERS = 10_000
/** Beside its links a process needs some. */
const SPARE_DESCRIPTORS = 500
const LINKED_MS = 30_000
const LOOP_MS = 200
const LIMIT_MS = 180_000
const LOOK_EVERY_MS = 250
/** A process with as many descriptors as it may have. */
const WIDE = ['sh', '-c', 'ulimit -n "$(ulimit -Hn)" && exec "$@"', 'sh']
/** A line for each link that ends would push what it weighed out of the output that is kept. */
const ENV = { LOG_LEVEL: 'error', ...WEIGHABLE }

test('B20: thousands of links at once, after a restart of the balancer and of all workers', async (t) => {
  const allowed = Number(spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).stdout)
  const count = Math.min(WORKERS, (Number.isNaN(allowed) ? Infinity : allowed) - SPARE_DESCRIPTORS)
  let workers = await startWorkers(t)
  const { port } = workers
  const urls = Array.from({ length: count }, (_, index) => `http://127.0.0.1:${port}/w${index}`)
  const place = { host: '127.0.0.1', within: WIDE }
  const beganAt = performance.now()
  const first = await startBalancer(t, { workers: urls, env: ENV, place })
  await countUp(t, 'first start', first, { count, beganAt, isAgain: false })

  await first.kill9()
  const { dataDir, workersFile } = first
  const env = { ...ENV, PORT: String(first.port), DATA_DIR: dataDir, WORKERS_FILE: workersFile }
  const restartedAt = performance.now()
  const balancer = await startBalancer(t, { env, place })
  const early = await callAtOnce(200, 16, () => callHello(balancer))
  assert.deepEqual(new Set(early), new Set([200]), 'who comes before the workers waits for them')
  await countUp(t, 'balancer killed', balancer, { count, beganAt: restartedAt, isAgain: true })

  await workers.running.kill9()
  await until(async () => (await countReady(balancer)) < count / 20, LIMIT_MS, 'their links are gone')
  await askWeight(balancer)
  workers = await startWorkers(t, port)
  await countUp(t, 'workers killed', balancer, { count, beganAt: performance.now(), isAgain: true })
  assert.equal(await callHello(balancer), 200)
  assert.ok(!/unhandled|uncaught|\n {4}at /i.test(balancer.output()), balancer.output().slice(-2_000))
  await balancer.stop(60_000)
})

/** Waits until all are linked, and holds the case's bounds against what it took. */
async function countUp(
  t: TestContext,
  what: string,
  balancer: Balancer,
  { count, beganAt, isAgain }: { count: number; beganAt: number; isAgain: boolean },
): Promise<void> {
  const enough = Math.ceil(count * 0.95)
  await waitForReady(balancer, enough)
  const linkedMs = Math.round(performance.now() - beganAt)
  await waitForReady(balancer, count)
  const allMs = Math.round(performance.now() - beganAt)
  const { loopP99Ms, heapUsed } = await askWeight(balancer)
  const resident = Math.round((residentBytes(balancer.pid) ?? 0) / 1024 / 1024)
  t.diagnostic(
    `${what}: ${enough} of ${count} after ${linkedMs} ms, all after ${allMs} ms; event loop p99 ` +
      `${loopP99Ms.toFixed(0)} ms; heap ${Math.round(heapUsed / 1024 / 1024)} MiB, resident ${resident} MiB`,
  )
  // The case is of those that come back; the first time all are strangers.
  if (!isAgain) return
  assert.ok(linkedMs <= LINKED_MS, `${what}: 95 % after ${linkedMs} ms`)
  assert.ok(loopP99Ms <= LOOP_MS, `${what}: the event loop's p99 is ${loopP99Ms} ms`)
}

/** Each look counts ten thousand workers, so that one does not look all the time. */
async function waitForReady(balancer: Balancer, count: number): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    await pause(LOOK_EVERY_MS)
    return (await countReady(balancer)) >= count
  }
  await until(isReady, LIMIT_MS, `${count} are linked`)
}

async function countReady(balancer: Balancer): Promise<number> {
  const { body } = await balancer.request('/health')
  const { ready = 0, saturated = 0 } = (body as { workers: { ready?: number; saturated?: number } }).workers
  return ready + saturated
}

async function callHello(balancer: Balancer): Promise<number> {
  return (await postTask(balancer, { function: 'hello', input: { name: 'Ada' } })).status
}

async function startWorkers(t: TestContext, port = 0): Promise<{ running: Running; port: number }> {
  const args = [join(ROOT, 'bench/peers/many-workers.ts'), String(port)]
  const cwd = await makeFolder(t, 'storm')
  const running = startProcess(t, { name: 'the workers', args, cwd, env: {}, within: WIDE })
  const ready = () => running.logLines().find(({ text }) => text === 'fleet ready')
  await until(() => ready() !== undefined, LIMIT_MS, 'the workers are there')
  return { running, port: Number(new URL(String(ready()?.url)).port) }
}
