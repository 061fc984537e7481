/**
 * How a balancer stops while tasks run: who is told what while it drains, and that nothing runs on for callers
 * who were told that it is over.
 */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import {
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { type Probe, writeProbe } from '../harness/executions.ts'
import { makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS } from './fleet.ts'

/** How long a task runs that still has to run when the balancer has been told to stop and asked a few things. */
const LONG_MS = 4_000
/** Of the time an idle balancer takes to stop, the best counts: what else the machine does is not the balancer's. */
const TRIES = 8

type Site = { probe: Probe; worker: Worker; balancer: Balancer }

async function startSite(t: TestContext, shutdownTimeout: string): Promise<Site> {
  const probe = await writeProbe(await makeFolder(t, 'probe'))
  const worker = await startWorker(t, { folder: probe.folder, env: { SLOTS: '1' } })
  const balancer = await startBalancer(t, {
    workers: [{ url: worker.url, name: 'w1' }],
    env: { SHUTDOWN_TIMEOUT: shutdownTimeout },
  })
  await waitForWorkers(balancer, 1)
  return { probe, worker, balancer }
}

function noted(probe: Probe, event: string): Promise<unknown> {
  const isNoted = async () => (await probe.read()).some((execution) => execution.event === event)
  return until(isNoted, LIMIT_MS, `an execution ${event}`)
}

test('at the bound of a shutdown callers get 503 DRAINING, and their handlers their signal', async (t) => {
  const { probe, balancer } = await startSite(t, '500ms')
  const running = postTask(balancer, { function: 'probe', input: { id: 'a', ms: 60_000 } })
  await noted(probe, 'started')
  const waiting = postTask(balancer, { function: 'probe', input: { id: 'b', ms: 60_000 } })
  await until(
    async () =>
      ((await balancer.request('/health')).body as { queue: { waiting: number } }).queue.waiting === 1,
    LIMIT_MS,
    'one waits',
  )
  const stopped = balancer.stop()
  for (const { status, body } of (await Promise.all([running, waiting])).map((answer) => ({
    status: answer.status,
    body: bodyOf(answer),
  })))
    assert.deepEqual([status, body.code], [503, 'DRAINING'])
  const answeredAtMs = Date.now()
  assert.deepEqual(await stopped, { code: 0, signal: null })
  await noted(probe, 'aborted')
  const executions = await probe.read()
  const tookMs = (executions.find(({ event }) => event === 'aborted')?.atMs ?? 0) - answeredAtMs
  // Well before the lease ends, which would tell it too.
  assert.ok(tookMs < 15_000, `the handler heard of it after ${tookMs} ms`)
  assert.deepEqual(
    executions.map(({ id, event }) => `${id} ${event}`),
    ['a started', 'a aborted'],
  )
})

test('what runs on disk while it drains is answered as what runs in memory is', async (t) => {
  const { probe, balancer } = await startSite(t, '20s')
  const call = { function: 'probe', input: { id: 'a', ms: LONG_MS } }
  const running = postTask(balancer, call, { 'idempotency-key': 'once' })
  await noted(probe, 'started')
  const { items } = (await balancer.request('/runs')).body as { items: { id: string; durable: boolean }[] }
  assert.equal(items[0]?.durable, true)
  const looking = balancer.request(`/runs/${items[0]?.id}?wait=60`)
  balancer.signal('SIGTERM')
  assert.equal(((await looking).body as { status: string }).status, 'running', 'who looks on is let go')
  assert.equal((await running).status, 200)
  assert.deepEqual(await balancer.exited, { code: 0, signal: null })
})

test('at the bound callers of runs on disk get 503 DRAINING and where their runs go on', async (t) => {
  const { probe, balancer } = await startSite(t, '500ms')
  const keyed = (id: string) => {
    const call = { function: 'probe', input: { id, ms: 60_000 } }
    return postTask(balancer, call, { 'idempotency-key': id })
  }
  const running = keyed('a')
  await noted(probe, 'started')
  const begunAtMs = performance.now()
  const stopped = balancer.stop()
  const answer = await running
  assert.deepEqual([answer.status, bodyOf(answer).code], [503, 'DRAINING'])
  assert.match(answer.headers.get('location') ?? '', /^\/runs\/r_/)
  assert.ok(performance.now() - begunAtMs >= 400, 'not before the bound')
  assert.deepEqual(await stopped, { code: 0, signal: null })
})

test('while it drains it answers: probes say so, new tasks get 503 and where to go', async (t) => {
  const { probe, balancer } = await startSite(t, '20s')
  const running = postTask(balancer, { function: 'probe', input: { id: 'a', ms: LONG_MS } })
  await noted(probe, 'started')
  balancer.signal('SIGTERM')
  const ready = () => balancer.request('/readyz')
  await until(async () => (await ready()).status === 503, LIMIT_MS, '/readyz is 503')
  assert.deepEqual((await ready()).body, { status: 'draining' })
  assert.deepEqual((await balancer.request('/health')).status, 200)
  assert.deepEqual((await balancer.request('/livez')).status, 200)
  const refused = await postTask(balancer, { function: 'probe' })
  assert.deepEqual([refused.status, bodyOf(refused).code], [503, 'DRAINING'])
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/)
  assert.equal(refused.headers.get('connection'), 'close')
  assert.equal((await running).status, 200)
  assert.deepEqual(await balancer.exited, { code: 0, signal: null })
  await assert.rejects(ready())
})

test('an idle balancer stops in well under a second', async (t) => {
  const { worker, balancer } = await startSite(t, '30s')
  const tookMs: number[] = [await stopIdle(balancer)]
  while (tookMs.length < TRIES && Math.min(...tookMs) >= 1_000) {
    const next = await startBalancer(t, { workers: [worker.url], env: { SHUTDOWN_TIMEOUT: '30s' } })
    await waitForWorkers(next, 1)
    tookMs.push(await stopIdle(next))
  }
  assert.ok(Math.min(...tookMs) < 1_000, `it took ${tookMs.map(Math.round)} ms`)
})

test('a signal that comes when all is stopped does not end the process in another way', async (t) => {
  const preload = join(await makeFolder(t, 'preload'), 'echo.mjs')
  // Sent by the process itself, since from outside nobody knows when: once when it says that it has stopped, once last.
  await writeFile(
    preload,
    `import { isMainThread } from 'node:worker_threads'
    const echo = () => process.kill(process.pid, 'SIGTERM')
    const write = process.stdout.write.bind(process.stdout)
    if (isMainThread) {
      process.on('exit', echo)
      process.stdout.write = (text, ...rest) => {
        if (String(text).includes('"stopped"')) echo()
        return write(text, ...rest)
      }
    }`,
  )
  const balancer = await startBalancer(t, { env: { NODE_OPTIONS: `--import ${pathToFileURL(preload)}` } })
  assert.deepEqual(await balancer.stop(), { code: 0, signal: null })
  assert.match(balancer.output(), /"stopped"/)
})

async function stopIdle(balancer: Balancer): Promise<number> {
  const beganAt = performance.now()
  assert.deepEqual(await balancer.stop(), { code: 0, signal: null })
  return performance.now() - beganAt
}
