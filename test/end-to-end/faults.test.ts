/**
 * Workers and balancers that are killed, stopped, put away and brought back while tasks run. What really ran
 * is decided by the notes of the probe function, never by what the balancer believes.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import {
  type Answer,
  type Balancer,
  type BalancerOptions,
  KEYS,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  type WorkerEntry,
  waitForWorkers,
  writeWorkersFile,
} from '../harness/berth.ts'
import { type Execution, type Probe, writeProbe } from '../harness/executions.ts'
import { makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { type Body, bodyOf, LIMIT_MS, listWorkers, waitForLine, waitForStatus } from './fleet.ts'
import { keepCalling } from './load.ts'

type Called = { id: string; isIdempotent: boolean; status: number; attempt: string | null; body: Body }

type Fleet = { probe: Probe; workers: Worker[]; balancer: Balancer }

function entriesOf(workers: readonly Worker[]): WorkerEntry[] {
  return workers.map(({ url }, index) => ({ url, name: `w${index + 1}` }))
}

/** A balancer with a worker `w1`, `w2`, … for each number of slots, all in service. */
async function startFleet(
  t: TestContext,
  slots: readonly number[],
  env: BalancerOptions['env'] = {},
): Promise<Fleet> {
  const probe = await writeProbe(await makeFolder(t, 'probe'))
  const starts = slots.map((count) => startProbeWorker(t, probe, count))
  const workers = await Promise.all(starts)
  const balancer = await startBalancer(t, {
    workers: entriesOf(workers),
    env: { LOG_LEVEL: 'debug', ...env },
  })
  await waitForWorkers(balancer, slots.length)
  return { probe, workers, balancer }
}

function startProbeWorker(t: TestContext, { folder }: Probe, slots: number, port?: number): Promise<Worker> {
  return startWorker(t, { folder, env: { SLOTS: String(slots), ...(port ? { PORT: String(port) } : {}) } })
}

/** A task that takes `ms`, in its first `times` attempts; every second one is declared idempotent by its caller. */
async function callProbe(balancer: Balancer, index: number, ms: number, times = 1_000): Promise<Called> {
  const id = `${ms}/${index}`
  const isIdempotent = index % 2 === 0
  const task = { function: 'probe', input: { id, ms, times }, ...(isIdempotent ? { idempotent: true } : {}) }
  const answer = await postTask(balancer, task)
  const attempt = answer.headers.get('x-attempt')
  return { id, isIdempotent, status: answer.status, attempt, body: bodyOf(answer) }
}

function startsOf(executions: readonly Execution[], pid: number): Execution[] {
  return executions.filter((execution) => execution.event === 'started' && execution.pid === pid)
}

function finishesOf(executions: readonly Execution[], pid: number): Execution[] {
  return executions.filter((execution) => execution.event === 'finished' && execution.pid === pid)
}

async function waitForStarts(probe: Probe, pid: number, count: number): Promise<void> {
  await until(
    async () => startsOf(await probe.read(), pid).length >= count,
    LIMIT_MS,
    `${count} starts in process ${pid}`,
  )
}

function sentTo(balancer: Balancer, worker: string, from: number): unknown[] {
  const lines = balancer.logLines().slice(from)
  return lines.filter((line) => line.text === 'task sent' && line.worker === worker)
}

/** A caller may see an error only for a task that the killed process had started and that may not be repeated. */
function assertRightAnswers(
  called: readonly Called[],
  executions: readonly Execution[],
  killed: number,
): void {
  for (const { id, isIdempotent, status, attempt, body } of called) {
    const starts = executions.filter((execution) => execution.id === id && execution.event === 'started')
    const startsElsewhere = starts.filter(({ pid }) => pid !== killed)
    const story = JSON.stringify({ id, isIdempotent, status, attempt, body, starts })
    if (status === 200) {
      assert.equal(body.result?.id, id, story)
      assert.ok(starts.length === 1 || (isIdempotent && startsElsewhere.length === 1), story)
      assert.equal(attempt, String(starts.length), story)
    } else {
      assert.deepEqual([status, body.code], [502, 'WORKER_LOST'], story)
      assert.ok(!isIdempotent && starts.length === 1 && startsElsewhere.length === 0, story)
    }
  }
}

test('under load one worker is killed, one put away, one added, one removed: nobody sees it who need not', async (t) => {
  const { probe, workers, balancer } = await startFleet(t, [6, 6, 6])
  const [killed, away, removed] = workers as [Worker, Worker, Worker]
  const spare = await startProbeWorker(t, probe, 6)
  const load = keepCalling(30, (index) => callProbe(balancer, index, 60))
  const waitForMore = (count: number): Promise<unknown> => {
    const enough = load.done.length + count
    return until(() => load.done.length >= enough, LIMIT_MS, `${enough} answers`)
  }
  await waitForMore(100)

  await killed.kill9()
  await waitForMore(100)

  const off = await balancer.request('/workers/w2/off', { method: 'POST', body: '{"reason":"a new disk"}' })
  assert.equal(off.status, 200, off.text)
  const offAt = await waitForLine(balancer, /^worker put in maintenance$/)
  await waitForMore(100)

  const entries = entriesOf(workers)
  await writeWorkersFile(balancer.workersFile, [...entries, { url: spare.url, name: 'w4' }])
  const addedAtMs = Date.now()
  await waitForStarts(probe, spare.pid, 1)
  const tookMs = (startsOf(await probe.read(), spare.pid)[0]?.atMs ?? 0) - addedAtMs
  // The contract's second, and more for a machine that has other things to do.
  assert.ok(tookMs <= 15_000, `work came ${tookMs} ms after the edit`)
  await waitForMore(100)

  const appliedBefore = balancer.logLines().length
  await writeWorkersFile(balancer.workersFile, [...entries.slice(0, 2), { url: spare.url, name: 'w4' }])
  const removedAt = await waitForLine(balancer, /^workers file applied$/, appliedBefore)
  await waitForMore(100)
  const called = await load.end()

  const executions = await probe.read()
  assertRightAnswers(called, executions, killed.pid)
  const lost = called.filter(({ status }) => status === 502)
  const repeated = called.filter(({ status, attempt }) => status === 200 && attempt === '2')
  // What it had finished may be among them too, when its answer was still under way.
  const cutOff = startsOf(executions, killed.pid).length - finishesOf(executions, killed.pid).length
  assert.ok(lost.length + repeated.length >= cutOff, `${cutOff} executions were cut off`)
  assert.deepEqual(sentTo(balancer, 'w2', offAt), [])
  assert.deepEqual(sentTo(balancer, 'w3', removedAt), [])
  for (const { pid } of [away, removed, spare]) {
    const finished = finishesOf(executions, pid).length
    assert.ok(finished > 0)
    assert.equal(finished, startsOf(executions, pid).length, `all that ${pid} began was finished`)
  }
  await until(async () => (await listWorkers(balancer)).length === 3, LIMIT_MS, 'the removed worker is gone')
  assert.deepEqual(
    (await listWorkers(balancer)).map(({ id, status }) => [id, status]),
    [
      ['w1', 'unreachable'],
      ['w2', 'maintenance'],
      ['w4', 'ready'],
    ],
  )
  assert.equal(bodyOf(await away.request('/health')).status, 'maintenance')
})

test('what a killed worker ran is repeated if that is harmless, 502 if not; what it had not begun goes elsewhere', async (t) => {
  const { probe, workers, balancer } = await startFleet(t, [4, 4])
  const [first, second] = workers as [Worker, Worker]
  assert.equal((await balancer.request('/workers/w2/off', { method: 'POST' })).status, 200)
  // The balancer sends ahead only what it knows to be short.
  for (const index of [1, 2, 3]) assert.equal((await callProbe(balancer, index, 5)).status, 200)
  // They last until the worker is killed, however long that takes.
  const running = [0, 1, 2, 3].map((index) => callProbe(balancer, index, 60_000, 1))
  await waitForStarts(probe, first.pid, 7)
  // Eight more wait, some of them at the worker already.
  const waiting = Array.from({ length: 8 }, (_, index) => callProbe(balancer, index, 20))
  await until(async () => countQueue(await balancer.request('/health')) >= 8, LIMIT_MS, 'eight waiting')
  await until(() => sentTo(balancer, 'w1', 0).length > 7, LIMIT_MS, 'a task was sent ahead')
  await first.kill9()
  await waitForStatus(balancer, 'w1', 'unreachable')
  assert.equal((await balancer.request('/workers/w2/on', { method: 'POST' })).status, 200)

  const called = await Promise.all([...running, ...waiting])
  const executions = await probe.read()
  assertRightAnswers(called, executions, first.pid)
  assert.deepEqual(
    called.slice(0, 4).map(({ status, attempt }) => [status, attempt]),
    [
      [200, '2'],
      [502, '1'],
      [200, '2'],
      [502, '1'],
    ],
  )
  assert.deepEqual(
    called.slice(4).map(({ status, attempt }) => [status, attempt]),
    waiting.map(() => [200, '1']),
  )
  assert.equal(startsOf(executions, first.pid).length, 7)
  assert.equal(startsOf(executions, second.pid).length, 10)
})

/** Waiting tasks, and those that are at a worker beyond the four that run. */
function countQueue(answer: Answer): number {
  const { waiting, running } = (answer.body as { queue: { waiting: number; running: number } }).queue
  return waiting + running - 4
}

test('all workers down is 503 at once; one that is back serves again', async (t) => {
  const { probe, workers, balancer } = await startFleet(t, [2, 2])
  const [first, second] = workers as [Worker, Worker]
  assert.equal((await callProbe(balancer, 1, 0)).status, 200)
  await Promise.all([first.kill9(), second.kill9()])
  await waitForStatus(balancer, 'w1', 'unreachable')
  await waitForStatus(balancer, 'w2', 'unreachable')

  const askedAtMs = performance.now()
  const refused = await callProbe(balancer, 2, 0)
  const tookMs = performance.now() - askedAtMs
  assert.deepEqual([refused.status, refused.body.code], [503, 'NO_CAPACITY'])
  assert.match(refused.body.detail ?? '', /2 unreachable/)
  assert.ok(tookMs < 20_000, `the refusal took ${tookMs} ms`)

  const back = await startProbeWorker(t, probe, 2, second.port)
  await waitForStatus(balancer, 'w2', 'ready')
  const served = await callProbe(balancer, 3, 0)
  assert.deepEqual([served.status, served.body.result?.pid], [200, back.pid])
})

test('a stopped worker is stalled and gets nothing new; continued, it ends what it ran and is back', async (t) => {
  // Long enough that the other one is not silent for as long, on a machine that has other things to do.
  const heartbeat = { WS_HEARTBEAT_INTERVAL: '200ms', WS_HEARTBEAT_TIMEOUT: '2s', WORKER_LEASE: '30s' }
  const { probe, workers, balancer } = await startFleet(t, [3, 3], heartbeat)
  const [stopped, other] = workers as [Worker, Worker]
  assert.equal((await balancer.request('/workers/w2/off', { method: 'POST' })).status, 200)
  const underWay = callProbe(balancer, 1, 3_000)
  await waitForStarts(probe, stopped.pid, 1)
  assert.equal((await balancer.request('/workers/w2/on', { method: 'POST' })).status, 200)
  await waitForStatus(balancer, 'w2', 'ready')

  stopped.signal('SIGSTOP')
  t.after(() => stopped.signal('SIGCONT'))
  await waitForStatus(balancer, 'w1', 'stalled')
  const stalledAt = balancer.logLines().length
  const meanwhile = await Promise.all([1, 3, 5, 7, 9, 11].map((index) => callProbe(balancer, index, 20)))
  assert.deepEqual(
    meanwhile.map(({ status, body }) => [status, body.result?.pid]),
    meanwhile.map(() => [200, other.pid]),
  )
  assert.deepEqual(sentTo(balancer, 'w1', stalledAt), [])

  stopped.signal('SIGCONT')
  const finished = await underWay
  assert.deepEqual([finished.status, finished.attempt, finished.body.result?.pid], [200, '1', stopped.pid])
  await waitForStatus(balancer, 'w1', 'ready')
  const together = await Promise.all([21, 23, 25, 27].map((index) => callProbe(balancer, index, 1_000)))
  assert.deepEqual(new Set(together.map(({ body }) => body.result?.pid)), new Set([stopped.pid, other.pid]))
})

test('SIGTERM under load: what was accepted is answered, nothing new is taken, exit 0', async (t) => {
  const { probe, workers, balancer } = await startFleet(t, [4])
  let answered = 0
  const accepted = Array.from({ length: 20 }, async (_, index) => {
    const called = await callProbe(balancer, index, 300)
    answered++
    return called
  })
  await waitForStarts(probe, workers[0]?.pid ?? 0, 4)
  // The first may have ended before the last has come; counted before the question, none counts twice.
  const isAccepted = async () => {
    const done = answered
    return done + countQueue(await balancer.request('/health')) >= 16
  }
  await until(isAccepted, LIMIT_MS, 'all accepted')

  const stopping = balancer.stop()
  await waitForLine(balancer, /^stopping$/)
  const late = await askOnNewConnection(balancer)
  // Whoever stands in the system's line as the listening ends gets a reset.
  assert.ok(['ECONNREFUSED', 'ECONNRESET', 503].includes(late), `a new request got ${late}`)

  const answers = await Promise.all(accepted)
  assert.deepEqual(
    answers.map(({ status }) => status),
    answers.map(() => 200),
  )
  assert.deepEqual(await stopping, { code: 0, signal: null })
  const executions = await probe.read()
  for (const event of ['started', 'finished'])
    assert.equal(executions.filter((execution) => execution.event === event).length, 20, event)
  assert.equal(workers[0]?.hasExited(), false)
})

/** The status, or the code of the error, of a task on a connection of its own. */
async function askOnNewConnection({ port }: Balancer): Promise<number | string> {
  const headers = { authorization: KEYS.caller, 'content-type': 'application/json' }
  const asked = request({ port, host: '127.0.0.1', method: 'POST', path: '/task', headers, agent: false })
  asked.end('{"function":"probe"}')
  try {
    const [response] = await once(asked, 'response')
    response.resume()
    return response.statusCode
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error)
  }
}

test('maintenance is kept over a restart of the balancer, and a killed one finds its workers again', async (t) => {
  const { workers, balancer } = await startFleet(t, [2, 2])
  const off = { method: 'POST', body: '{"reason":"a new disk"}' }
  assert.equal((await balancer.request('/workers/w2/off', off)).status, 200)
  assert.deepEqual(await balancer.stop(), { code: 0, signal: null })

  const env = {
    PORT: String(balancer.port),
    DATA_DIR: balancer.dataDir,
    WORKERS_FILE: balancer.workersFile,
    LOG_LEVEL: 'debug',
  }
  const second = await startBalancer(t, { env })
  await assertOneServes(second, workers)
  await second.kill9()

  const third = await startBalancer(t, { env })
  await assertOneServes(third, workers)
  assert.equal((await third.request('/workers/w2/on', { method: 'POST' })).status, 200)
  await waitForStatus(third, 'w2', 'ready')
  const health = await (workers[1] as Worker).request('/health')
  assert.equal(bodyOf(health).status, 'ready')
  const together = await Promise.all([1, 3, 5, 7].map((index) => callProbe(third, index, 1_000)))
  assert.equal(new Set(together.map(({ body }) => body.result?.pid)).size, 2)
})

/** Tasks that come before the links stand wait for them; `w2` is in maintenance and gets none. */
async function assertOneServes(balancer: Balancer, workers: readonly Worker[]): Promise<void> {
  const called = await Promise.all([1, 3, 5].map((index) => callProbe(balancer, index, 10)))
  assert.deepEqual(
    called.map(({ status, body }) => [status, body.result?.pid]),
    called.map(() => [200, workers[0]?.pid]),
  )
  await waitForStatus(balancer, 'w2', 'maintenance')
  const line = (await listWorkers(balancer)).find(({ id }) => id === 'w2')
  assert.deepEqual([line?.maintenance?.by, line?.reason], ['operator', 'a new disk'])
  assert.deepEqual(sentTo(balancer, 'w2', 0), [])
}
