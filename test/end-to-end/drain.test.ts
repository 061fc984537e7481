/**
 * Taking workers out of service with a deadline, one or many, on real processes: what runs gets its signal in
 * time, nobody else notices, and the order outlives the balancer. What really ran is in the probe's notes.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  type Answer,
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  waitForWorkers,
} from '../harness/berth.ts'
import { type Probe, writeProbe } from '../harness/executions.ts'
import { makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS, listWorkers, waitForStatus } from './fleet.ts'
import { keepCalling } from './load.ts'

type Drain = {
  running: number
  remaining: number | null
  deadline: string | null
  exceeding: string[]
  repeated: number
}
type Setting = { group?: string; tags?: string }

/** Workers `w1`, `w2`, … with four slots each, in service. */
async function startFleet(t: TestContext, settings: readonly Setting[]) {
  const probe = await writeProbe(await makeFolder(t, 'probe'))
  const workers = await Promise.all(
    settings.map(({ group = 'default', tags = '' }) =>
      startWorker(t, { folder: probe.folder, env: { SLOTS: '4', GROUP: group, TAGS: tags } }),
    ),
  )
  const entries = workers.map(({ url }, index) => ({ url, name: `w${index + 1}` }))
  const balancer = await startBalancer(t, { workers: entries, env: { LOG_LEVEL: 'debug' } })
  await waitForWorkers(balancer, workers.length)
  return { probe, workers, balancer }
}

function post(balancer: Balancer, path: string, body: object = {}): Promise<Answer> {
  return balancer.request(path, { method: 'POST', body: JSON.stringify(body) })
}

async function readDrain(balancer: Balancer, id: string): Promise<Drain> {
  const answer = await balancer.request(`/workers/${id}/drain`)
  assert.equal(answer.status, 200, answer.text)
  return answer.body as Drain
}

function callProbe(balancer: Balancer, id: string, ms: number, more: object = {}): Promise<Answer> {
  return postTask(balancer, { function: 'probe', input: { id, ms }, ...more })
}

async function waitForNote(probe: Probe, event: string, id: string): Promise<number> {
  const find = async () => (await probe.read()).find((note) => note.event === event && note.id === id)
  return (await until(find, LIMIT_MS, `${id} has ${event}`)).atMs
}

const soon = (ms: number) => new Date(Date.now() + ms).toISOString()

test('past the deadline a handler gets its signal, and its slot is free long before it would have ended', async (t) => {
  const { probe, balancer } = await startFleet(t, [{}])
  const running = callProbe(balancer, 'long', 60_000)
  await waitForNote(probe, 'started', 'long')
  // Looked at in peace: with a deadline that is near all might be over before anybody asks.
  const far = soon(3_600_000)
  const off = await post(balancer, '/workers/w1/off', { reason: 'a new disk', deadline: far })
  assert.equal(off.status, 200, off.text)
  const first = await readDrain(balancer, 'w1')
  assert.deepEqual([first.running, first.remaining, first.deadline], [1, null, far])
  await waitForStatus(balancer, 'w1', 'draining')
  const deadline = soon(2_000)
  const sooner = await post(balancer, '/workers/w1/off', { reason: 'a new disk', deadline })
  assert.equal(sooner.status, 200, sooner.text)

  const answer = await running
  assert.deepEqual([answer.status, bodyOf(answer).code], [502, 'WORKER_LOST'])
  assert.match(bodyOf(answer).detail ?? '', /"w1" was emptied by an operator/)
  assert.ok((await waitForNote(probe, 'aborted', 'long')) >= Date.parse(deadline), 'not before its time')
  await waitForStatus(balancer, 'w1', 'maintenance')
  assert.deepEqual(await readDrain(balancer, 'w1'), {
    running: 0,
    remaining: 0,
    deadline,
    exceeding: [],
    repeated: 0,
  })
  const [line] = await listWorkers(balancer)
  assert.deepEqual([line?.maintenance?.by, line?.maintenance?.owner], ['operator', 'key'])
})

test('what may be repeated goes on elsewhere, and its caller sees nothing of it', async (t) => {
  const { probe, balancer } = await startFleet(t, [{}, {}])
  assert.equal((await post(balancer, '/workers/w2/off')).status, 200)
  // Its second attempt has nothing to wait for.
  const input = { id: 'moved', ms: 60_000, times: 1 }
  const running = postTask(balancer, { function: 'probe', input, idempotent: true })
  await waitForNote(probe, 'started', 'moved')
  assert.equal((await post(balancer, '/workers/w2/on')).status, 200)
  await waitForStatus(balancer, 'w2', 'ready')
  assert.equal((await post(balancer, '/workers/w1/off', { deadline: soon(2_000) })).status, 200)
  const answer = await running
  assert.deepEqual(
    [answer.status, answer.headers.get('x-worker'), answer.headers.get('x-attempt')],
    [200, 'w2', '2'],
  )
})

test('a drain that is stopped lets everything finish; the worker stays away until it is switched on', async (t) => {
  const { probe, balancer } = await startFleet(t, [{}])
  const running = callProbe(balancer, 'kept', 7_000)
  await waitForNote(probe, 'started', 'kept')
  assert.equal((await post(balancer, '/workers/w1/off', { deadline: soon(5_000) })).status, 200)
  const stopped = await balancer.request('/workers/w1/drain', { method: 'DELETE' })
  assert.deepEqual([stopped.status, (stopped.body as Drain).deadline], [200, null])
  assert.equal((await running).status, 200)
  await waitForStatus(balancer, 'w1', 'maintenance')
  assert.equal((await callProbe(balancer, 'refused', 1)).status, 503)
  assert.equal((await post(balancer, '/workers/w1/on')).status, 200)
  assert.equal((await callProbe(balancer, 'taken', 1)).status, 200)
})

test('forced, a drain ends at once; a worker in service is not drained at all', async (t) => {
  const { probe, balancer } = await startFleet(t, [{}])
  const running = callProbe(balancer, 'long', 60_000)
  await waitForNote(probe, 'started', 'long')
  assert.equal((await post(balancer, '/workers/w1/drain/force')).status, 409)
  assert.equal((await post(balancer, '/workers/w1/off')).status, 200)
  assert.equal((await post(balancer, '/workers/w1/drain/force')).status, 200)
  assert.equal((await running).status, 502)
  await waitForNote(probe, 'aborted', 'long')
  await waitForStatus(balancer, 'w1', 'maintenance')
})

test('a handler that ignores its signal is lost after SHUTDOWN_TIMEOUT, and its caller is answered', async (t) => {
  const folder = await makeFolder(t, 'deaf')
  await mkdir(join(folder, 'functions'), { recursive: true })
  const source = `import { setTimeout as wait } from 'node:timers/promises'
import { defineFunction } from '@berth/worker'
export default defineFunction({ handler: () => wait(60_000) })
`
  await writeFile(join(folder, 'functions', 'deaf.ts'), source)
  const worker = await startWorker(t, { folder, env: { SHUTDOWN_TIMEOUT: '1s' } })
  const balancer = await startBalancer(t, {
    workers: [{ url: worker.url, name: 'w1' }],
    env: { SHUTDOWN_TIMEOUT: '1s' },
  })
  await waitForWorkers(balancer, 1)
  const running = postTask(balancer, { function: 'deaf' })
  await until(async () => (await readDrain(balancer, 'w1')).running === 1, LIMIT_MS, 'it runs')
  assert.equal((await post(balancer, '/workers/w1/off')).status, 200)
  const forcedAt = Date.now()
  const forced = await post(balancer, '/workers/w1/drain/force')
  assert.equal((forced.body as Drain).exceeding.length, 1)
  const answer = await running
  assert.deepEqual([answer.status, bodyOf(answer).code], [502, 'WORKER_LOST'])
  assert.ok(Date.now() - forcedAt >= 900, 'not before its time')
  // Given up here, it is still there.
  await waitForStatus(balancer, 'w1', 'draining')
  assert.equal((await readDrain(balancer, 'w1')).running, 1)
})

test('deadline and maintenance outlive the balancer, and what ended meanwhile has ended', async (t) => {
  const { balancer } = await startFleet(t, [{}, {}])
  const deadline = soon(3_600_000)
  assert.equal((await post(balancer, '/workers/w1/off', { reason: 'racks', deadline })).status, 200)
  assert.equal((await post(balancer, '/workers/w2/off', { until: soon(2_000) })).status, 200)
  await balancer.kill9()
  const { port, dataDir, workersFile } = balancer
  const env = { PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile }
  const next = await startBalancer(t, { env })
  await waitForStatus(next, 'w1', 'maintenance')
  assert.equal((await readDrain(next, 'w1')).deadline, deadline)
  await waitForStatus(next, 'w2', 'ready')
  assert.equal((await callProbe(next, 'after', 1)).headers.get('x-worker'), 'w2')
  assert.equal((await post(next, '/workers/w1/drain/force')).status, 200)
  assert.ok(Date.parse((await readDrain(next, 'w1')).deadline ?? '') <= Date.now())
})

test('half the fleet is put away by tag, then by group, and brought back: no task of the load fails', async (t) => {
  const { balancer } = await startFleet(t, [
    { tags: 'zone=eu' },
    { tags: 'zone=us' },
    { tags: 'zone=eu' },
    { group: 'other' },
  ])
  const load = keepCalling(8, (index) => callProbe(balancer, `task ${index}`, 20))
  const waitForMore = (count: number): Promise<unknown> => {
    const enough = load.done.length + count
    return until(() => load.done.length >= enough, LIMIT_MS, `${enough} answers`)
  }
  await waitForMore(50)
  const off = await post(balancer, '/fleet/off', {
    select: { tags: { zone: 'eu' } },
    reason: 'power',
    deadline: soon(60_000),
  })
  assert.deepEqual(off.body, {
    matched: 2,
    changed: 2,
    items: [
      { id: 'w1', status: 200 },
      { id: 'w3', status: 200 },
    ],
  })
  await waitForStatus(balancer, 'w1', 'maintenance')
  await waitForStatus(balancer, 'w3', 'maintenance')
  await waitForMore(50)
  const on = await post(balancer, '/fleet/on', { select: { workers: ['w1', 'w3'] } })
  assert.equal((on.body as { changed: number }).changed, 2)
  await waitForStatus(balancer, 'w1', 'ready')
  const group = await post(balancer, '/fleet/off', { select: { group: 'other' } })
  assert.deepEqual((group.body as { items: unknown[] }).items, [{ id: 'w4', status: 200 }])
  await waitForMore(50)
  const done = await load.end()
  assert.deepEqual(
    done.filter(({ status }) => status !== 200).map(({ text }) => text),
    [],
  )
  const unknown = await post(balancer, '/fleet/off', { select: { workers: ['w1', 'w9'] } })
  assert.equal(unknown.status, 400)
  const states = (await listWorkers(balancer)).map(({ status }) => status)
  assert.deepEqual(states, ['ready', 'ready', 'ready', 'maintenance'])
})
