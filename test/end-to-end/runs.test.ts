/**
 * Tasks in memory through `/runs`, with real processes: found while they wait and run, cancelled, hurried,
 * explained and waited for, while callers come and go. What really ran is decided by the probe's notes.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { ExplanationView, RunItem, RunView } from '../../protocol/src/index.ts'
import {
  type Answer,
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  type WorkerEntry,
  waitForWorkers,
} from '../harness/berth.ts'
import { type Probe, writeProbe } from '../harness/executions.ts'
import { findFreePort } from '../harness/ports.ts'
import { makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS, listWorkers } from './fleet.ts'

/** Longer than any test: such a task ends by being cancelled. */
const ENDLESS_MS = 100_000

type Fleet = { probe: Probe; workers: Worker[]; balancer: Balancer }

/** Workers `w1`, `w2`, … with so many slots each, all in service; `others` are listed too. */
async function startFleet(
  t: TestContext,
  slots: readonly number[],
  config: Record<string, unknown> = {},
  others: readonly WorkerEntry[] = [],
): Promise<Fleet> {
  const probe = await writeProbe(await makeFolder(t, 'probe'), config)
  const start = (count: number) => startWorker(t, { folder: probe.folder, env: { SLOTS: String(count) } })
  const workers = await Promise.all(slots.map(start))
  const named = workers.map(({ url }, index) => ({ url, name: `w${index + 1}` }))
  const balancer = await startBalancer(t, { workers: [...named, ...others] })
  await waitForWorkers(balancer, slots.length)
  return { probe, workers, balancer }
}

function callProbe(balancer: Balancer, id: string, ms: number, more: object = {}): Promise<Answer> {
  return postTask(balancer, { function: 'probe', input: { id, ms }, metadata: { id }, ...more })
}

async function read<T>({ request }: Balancer, path: string, init?: RequestInit): Promise<T> {
  const { status, text, body } = await request(path, init)
  assert.equal(status, 200, `${path}: ${text}`)
  return body as T
}

type Page = { items: RunItem[]; cursor: string | null }

function listRuns(balancer: Balancer, query: string): Promise<Page> {
  return read<Page>(balancer, `/runs?${query}`)
}

function cancel(balancer: Balancer, id: string): Promise<RunView> {
  return read<RunView>(balancer, `/runs/${id}/cancel`, { method: 'POST' })
}

/** Waits until so many runs have a status, and answers them, the newest first. */
function waitForRuns(balancer: Balancer, status: string, count: number): Promise<RunItem[]> {
  const find = async () => {
    const { items } = await listRuns(balancer, `status=${status}&limit=500`)
    return items.length === count ? items : undefined
  }
  return until(find, LIMIT_MS, `${count} runs are ${status}`)
}

async function waitForIdle(balancer: Balancer): Promise<void> {
  const isIdle = async () => (await listWorkers(balancer)).every(({ slots }) => (slots?.used ?? 0) === 0)
  await until(isIdle, LIMIT_MS, 'all slots are free again')
}

/** Sent is not begun: until the handler says so itself. */
async function waitForStart(probe: Probe, id: string): Promise<void> {
  const hasStarted = async () =>
    (await probe.read()).some((note) => note.event === 'started' && note.id === id)
  await until(hasStarted, LIMIT_MS, `${id} has started`)
}

/** The run of a call, by the metadata that the call brought. */
async function findRun(balancer: Balancer, id: string): Promise<RunItem> {
  const find = async () => (await listRuns(balancer, `q=${id}`)).items.find((run) => run.metadata.id === id)
  return until(find, LIMIT_MS, `the run of ${id} is listed`)
}

test('fifty wait: they are listed, and pages have nothing twice while runs come and go', async (t) => {
  const { balancer } = await startFleet(t, [2])
  const calls = Array.from({ length: 52 }, (_, index) => callProbe(balancer, `first-${index}`, ENDLESS_MS))
  const waiting = await waitForRuns(balancer, 'queued', 50)
  await waitForRuns(balancer, 'running', 2)
  for (const run of waiting) assert.deepEqual([run.durable, run.worker, 'input' in run], [false, null, false])

  const gone = new Set(waiting.filter((_, index) => index % 5 === 0).map(({ id }) => id))
  const leaving = [...gone]
  const seen: string[] = []
  let query = 'limit=7'
  for (let page = 0; ; page++) {
    const { items, cursor } = await listRuns(balancer, query)
    seen.push(...items.map(({ id }) => id))
    if (cursor === null) break
    query = `limit=7&cursor=${cursor}`
    const left = leaving.shift()
    if (left) await cancel(balancer, left)
    calls.push(callProbe(balancer, `later-${page}`, ENDLESS_MS))
  }
  assert.equal(new Set(seen).size, seen.length, 'a run came twice')
  for (const { id } of waiting) assert.ok(seen.includes(id) || gone.has(id), `${id} was left out`)

  await until(
    async () => {
      const { items } = await listRuns(balancer, 'status=queued,running&limit=500')
      for (const { id } of items) await cancel(balancer, id)
      return (await balancer.request('/runs?status=queued,running')).text.startsWith('{"items":[]')
    },
    LIMIT_MS,
    'everything is cancelled',
  )
  for (const answer of await Promise.all(calls))
    assert.deepEqual([answer.status, bodyOf(answer).code], [409, 'CANCELLED'])
  await waitForIdle(balancer)
})

test('cancel: queued, running, ended, twice and unknown', async (t) => {
  const { balancer, probe } = await startFleet(t, [1])
  const running = callProbe(balancer, 'running', ENDLESS_MS)
  const [first] = await waitForRuns(balancer, 'running', 1)
  await waitForStart(probe, 'running')
  const queued = callProbe(balancer, 'queued', 0)
  const [second] = await waitForRuns(balancer, 'queued', 1)
  assert.ok(first && second)

  for (const id of [second.id, second.id, first.id, first.id]) {
    const { status, error, finishedAt } = await cancel(balancer, id)
    assert.deepEqual([status, error?.code, finishedAt === null], ['cancelled', 'CANCELLED', false])
  }
  assert.deepEqual([(await queued).status, (await running).status], [409, 409])
  const ended = await callProbe(balancer, 'ended', 0)
  const endedId = ended.headers.get('x-run-id') ?? ''
  assert.equal((await cancel(balancer, endedId)).status, 'completed')
  const events = (await probe.read()).map(({ event, id }) => `${event} ${id}`)
  assert.deepEqual(events, ['started running', 'aborted running', 'started ended', 'finished ended'])

  const unknown = await balancer.request(`/runs/r_${'0'.repeat(26)}/cancel`, { method: 'POST' })
  assert.deepEqual([unknown.status, bodyOf(unknown).code], [404, 'NOT_FOUND'])
  await waitForIdle(balancer)
})

test('a priority changes the order of those who wait, and nothing of who runs', async (t) => {
  const { balancer, probe } = await startFleet(t, [1])
  const calls = [callProbe(balancer, 'running', ENDLESS_MS)]
  const [running] = await waitForRuns(balancer, 'running', 1)
  await waitForStart(probe, 'running')
  for (const id of ['a', 'b', 'c']) {
    calls.push(callProbe(balancer, id, 0))
    await findRun(balancer, id)
  }
  const last = await findRun(balancer, 'c')
  const patch = (id = '', priority = 1) =>
    balancer.request(`/runs/${id}`, { method: 'PATCH', body: JSON.stringify({ priority }) })
  assert.equal((await patch(last.id)).status, 200)
  assert.equal((await patch(running?.id)).status, 409)
  assert.equal((await patch(last.id, 0)).status, 400)
  await cancel(balancer, running?.id ?? '')
  await Promise.all(calls)
  const started = (await probe.read()).filter(({ event }) => event === 'started').map(({ id }) => id)
  assert.deepEqual(started, ['running', 'c', 'a', 'b'])
  assert.equal((await patch(last.id)).status, 409)
})

test('a caller that leaves cancels its task, queued or running, and its run says so', async (t) => {
  const { balancer, probe } = await startFleet(t, [1])
  const callers = ['running', 'queued'].map((id) => ({ id, leave: new AbortController() }))
  const calls: Promise<unknown>[] = []
  for (const { id, leave } of callers) {
    const body = JSON.stringify({ function: 'probe', input: { id, ms: ENDLESS_MS }, metadata: { id } })
    calls.push(balancer.request('/task', { method: 'POST', body, signal: leave.signal }).catch(() => 'left'))
    await findRun(balancer, id)
  }
  await waitForRuns(balancer, 'running', 1)
  await waitForRuns(balancer, 'queued', 1)
  await waitForStart(probe, 'running')
  for (const { id, leave } of callers.reverse()) {
    leave.abort()
    const run = await findRun(balancer, id)
    const ended = await read<RunView>(balancer, `/runs/${run.id}?wait=20`)
    assert.deepEqual([ended.status, ended.error?.code], ['cancelled', 'CANCELLED'], id)
  }
  assert.deepEqual(await Promise.all(calls), ['left', 'left'])
  await waitForIdle(balancer)
  const events = (await probe.read()).map(({ event, id }) => `${event} ${id}`)
  assert.deepEqual(events, ['started running', 'aborted running'])
})

test('who waits for a run hears of its end, with every attempt and the worker it had', async (t) => {
  const { balancer, workers, probe } = await startFleet(t, [1, 1], { idempotent: true })
  const input = { id: 'twice', ms: ENDLESS_MS, times: 1 }
  const call = postTask(balancer, { function: 'probe', input })
  const [running] = await waitForRuns(balancer, 'running', 1)
  await waitForStart(probe, 'twice')
  const waiting = read<RunView>(balancer, `/runs/${running?.id}?wait=60`)
  const victim = workers[running?.worker === 'w1' ? 0 : 1]
  process.kill(victim?.pid ?? Number.NaN, 'SIGKILL')
  const run = await waiting
  assert.equal((await call).status, 200)
  assert.deepEqual([run.status, run.attempt], ['completed', 2])
  assert.deepEqual(
    run.attempts.map(({ n, worker, outcome }) => [n, worker, outcome]),
    [
      [1, running?.worker, 'lost'],
      [2, run.worker, 'completed'],
    ],
  )
  assert.notEqual(run.worker, running?.worker)
  assert.equal((await probe.read()).filter(({ event }) => event === 'started').length, 2)
})

test('the reasons add up to the fleet: full, in maintenance, of other tags, never heard of', async (t) => {
  const away = { url: `http://127.0.0.1:${await findFreePort()}`, name: 'away' }
  const { balancer, workers } = await startFleet(t, [1, 1, 1], {}, [away])
  assert.equal(workers.length, 3)
  const tags = (gpu: string) => ({ tags: { gpu } })
  const none = await read<ExplanationView>(balancer, '/explain', explain({ ...tags('h200') }))
  assert.deepEqual([none.verdict, none.error?.code, none.workers], ['refuse', 'NO_CAPACITY', 4])
  assert.deepEqual(countsOf(none), {
    'the tag "gpu" does not match': 3,
    'has not said yet what it serves': 1,
  })
  const off = await balancer.request('/workers/w3/off', { method: 'POST', body: '{}' })
  assert.equal(off.status, 200)
  const calls = ['a', 'b', 'c'].map((id) => callProbe(balancer, id, ENDLESS_MS))
  await waitForRuns(balancer, 'running', 2)
  const [waiting] = await waitForRuns(balancer, 'queued', 1)
  const told = await read<ExplanationView>(balancer, `/runs/${waiting?.id}/explain`)
  assert.deepEqual([told.verdict, told.workers, told.position], ['wait', 4, 0])
  assert.deepEqual(countsOf(told), {
    full: 2,
    'in maintenance': 1,
    'has not said yet what it serves': 1,
  })
  assert.match(told.nearestMiss ?? '', /^w[12]: full$/)
  for (const { id } of (await listRuns(balancer, 'status=queued,running')).items) await cancel(balancer, id)
  await Promise.all(calls)
})

test('where a task would go is where the very next one goes', async (t) => {
  const { balancer } = await startFleet(t, [3, 3, 3])
  for (let i = 0; i < 20; i++) {
    const told = await read<ExplanationView>(balancer, '/explain', explain({}))
    const answer = await callProbe(balancer, `task-${i}`, 0)
    assert.deepEqual([told.verdict, told.worker], ['start', answer.headers.get('x-worker')])
    const run = await read<RunView>(balancer, `/runs/${answer.headers.get('x-run-id')}`)
    assert.equal(run.explain?.winner.worker, told.worker)
    assert.equal(run.explain?.runnersUp.length, 2)
  }
  const { items } = await listRuns(balancer, 'q=task-')
  assert.equal(items.length, 20, 'a dry run leaves no run behind')
})

function explain(more: object): RequestInit {
  return { method: 'POST', body: JSON.stringify({ function: 'probe', ...more }) }
}

function countsOf({ reasons, workers }: ExplanationView): Record<string, number> {
  assert.equal(
    reasons.reduce((sum, { count }) => sum + count, 0),
    workers,
  )
  return Object.fromEntries(reasons.map(({ reason, count }) => [reason, count]))
}
