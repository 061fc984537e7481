/**
 * An operator's limits on real processes: what the workers note of their executions decides, not what the
 * balancer says of itself.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  type Answer,
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  waitForWorkers,
} from '../harness/berth.ts'
import { type Execution, type Probe, writeProbe } from '../harness/executions.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS } from './fleet.ts'
import { callAtOnce } from './load.ts'

const PROBE = '/functions/default/probe'
const GROUP = '/groups/default'

interface Stage {
  readonly probe: Probe
  readonly balancer: Balancer
}

/** Workers that serve `probe` alone, one an environment, and a balancer before them. */
async function setUp(
  scope: Scope,
  workers: readonly Record<string, string>[],
  env: Record<string, string> = {},
): Promise<Stage> {
  const probe = await writeProbe(await makeFolder(scope, 'probe'))
  const started = await Promise.all(
    workers.map((own) => startWorker(scope, { folder: probe.folder, env: own })),
  )
  const balancer = await startBalancer(scope, { workers: started.map(({ url }) => url), env })
  await waitForWorkers(balancer, workers.length)
  return { probe, balancer }
}

async function patch(balancer: Balancer, path: string, settings: unknown): Promise<Answer> {
  const answer = await balancer.request(path, { method: 'PATCH', body: JSON.stringify(settings) })
  assert.equal(answer.status, 200, answer.text)
  return answer
}

function call(
  balancer: Balancer,
  id: string,
  ms: number,
  more: Record<string, unknown> = {},
): Promise<Answer> {
  return postTask(balancer, { function: 'probe', input: { id, ms }, ...more })
}

async function queue(balancer: Balancer): Promise<{ waiting: number; running: number }> {
  const { body } = await balancer.request('/health')
  return (body as { queue: { waiting: number; running: number } }).queue
}

function waitForQueue(balancer: Balancer, waiting: number, running: number): Promise<unknown> {
  const isThere = async () => {
    const now = await queue(balancer)
    return now.waiting === waiting && now.running === running
  }
  return until(isThere, LIMIT_MS, `${waiting} wait and ${running} run`)
}

/** The most that ran at once, over all workers. */
function peakOf(executions: readonly Execution[]): number {
  let running = 0
  let peak = 0
  for (const { event } of executions) {
    running += event === 'started' ? 1 : -1
    peak = Math.max(peak, running)
  }
  return peak
}

describe('limits', { timeout: 300_000 }, () => {
  test('a concurrency of 2 holds over ten slots of two workers, and is lifted', async (t) => {
    const { probe, balancer } = await setUp(t, [{ SLOTS: '5' }, { SLOTS: '5' }])
    await patch(balancer, PROBE, { concurrency: 2 })
    const limited = callAtOnce(30, 30, (index) => call(balancer, `limited ${index}`, 200))
    await until(async () => (await queue(balancer)).waiting > 0, LIMIT_MS, 'some wait')
    const { body } = await balancer.request(PROBE)
    assert.equal((body as { used: { concurrency: number } }).used.concurrency, 2)
    for (const { status } of await limited) assert.equal(status, 200)
    assert.equal(peakOf(await probe.read()), 2)

    await probe.clear()
    await patch(balancer, PROBE, { concurrency: null })
    await callAtOnce(10, 10, (index) => call(balancer, `free ${index}`, 2_000))
    assert.ok(peakOf(await probe.read()) > 2)
  })

  test('a concurrency that is set under load counts what runs already', async (t) => {
    const { probe, balancer } = await setUp(t, [{ SLOTS: '6' }])
    const first = callAtOnce(6, 6, (index) => call(balancer, `first ${index}`, 5_000))
    await waitForQueue(balancer, 0, 6)
    const answer = await patch(balancer, GROUP, { concurrency: 2 })
    assert.equal((answer.body as { used: { concurrency: number } }).used.concurrency, 6)
    await Promise.all([first, callAtOnce(6, 6, (index) => call(balancer, `second ${index}`, 50))])
    const executions = await probe.read()
    const from = executions.findIndex(({ id }) => id.startsWith('second'))
    const runningBefore = executions
      .slice(0, from)
      .reduce((sum, { event }) => sum + (event === 'started' ? 1 : -1), 0)
    assert.ok(runningBefore < 2, `${runningBefore} ran when the first of the others started`)
    assert.equal(peakOf(executions.filter(({ id }) => id.startsWith('second'))) <= 2, true)
  })

  test('a pause: callers are told why and when to return, who waits stays, and all goes on after it', async (t) => {
    const { probe, balancer } = await setUp(t, [{ SLOTS: '2' }])
    await patch(balancer, PROBE, { rate: { limit: 2, perMs: 3_600_000 } })
    const calls = callAtOnce(5, 5, (index) => call(balancer, `${index}`, 50))
    await waitForQueue(balancer, 3, 0)
    await patch(balancer, PROBE, { paused: { reason: 'a new database' } })

    const refused = await call(balancer, 'refused', 0)
    assert.deepEqual([refused.status, bodyOf(refused).code], [503, 'PAUSED'])
    assert.match(bodyOf(refused).detail ?? '', /a new database/)
    assert.ok(Number(refused.headers.get('retry-after')) >= 1)
    const { items } = (await balancer.request('/functions')).body as {
      items: { paused: { reason: string; by: string } }[]
    }
    assert.deepEqual([items[0]?.paused.reason, items[0]?.paused.by], ['a new database', 'function'])

    // The pause alone holds them now.
    await patch(balancer, PROBE, { rate: null })
    assert.deepEqual(await queue(balancer), { waiting: 3, running: 0 })
    await patch(balancer, PROBE, { paused: null })
    assert.deepEqual([...new Set((await calls).map(({ status }) => status))], [200])
    assert.equal((await probe.read()).filter(({ event }) => event === 'finished').length, 5)
  })

  test('a pause with an end ends by itself, for those who wait, too', async (t) => {
    const { balancer } = await setUp(t, [{ SLOTS: '1' }])
    await patch(balancer, GROUP, { rate: { limit: 1, perMs: 3_600_000 } })
    const calls = callAtOnce(2, 2, (index) => call(balancer, `${index}`, 0))
    await waitForQueue(balancer, 1, 0)
    const untilMs = Date.now() + 5_000
    await patch(balancer, GROUP, { rate: null, paused: { until: new Date(untilMs).toISOString() } })
    const refused = await call(balancer, 'refused', 0)
    assert.equal(bodyOf(refused).code, 'PAUSED')
    const retryAfter = Number(refused.headers.get('retry-after'))
    assert.ok(retryAfter >= 1 && retryAfter <= 5, `Retry-After: ${retryAfter}`)
    assert.deepEqual([...new Set((await calls).map(({ status }) => status))], [200])
    assert.ok(Date.now() >= untilMs - 50, 'it waited for the end of the pause')
    assert.equal((await call(balancer, 'later', 0)).status, 200)
    assert.equal(((await balancer.request(GROUP)).body as { paused: unknown }).paused, null)
  })

  test('a rate of 10 in four seconds: no four seconds hold more starts', async (t) => {
    const { probe, balancer } = await setUp(t, [{ SLOTS: '30' }], { LOG_LEVEL: 'debug' })
    await patch(balancer, PROBE, { rate: { limit: 10, perMs: 4_000 } })
    const answers = await callAtOnce(15, 15, (index) => call(balancer, `${index}`, 0))
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    assert.equal((await probe.read()).filter(({ event }) => event === 'started').length, 15)
    const sent = balancer.logLines().filter(({ text }) => text === 'task sent')
    const starts = sent.map(({ at }) => Date.parse(String(at)))
    assert.equal(starts.length, 15)
    for (const [index, at] of starts.entries()) {
      const later = starts[index + 10]
      // The line of a start comes after it, on a busy machine by some of this second.
      assert.ok(later === undefined || later - at >= 3_000, `${later} follows ${at}, ten starts before`)
    }
  })

  test('two fairness keys of weights 1 and 3 share the slots 1 to 3', async (t) => {
    const { probe, balancer } = await setUp(t, [{ SLOTS: '4' }])
    // A rate holds all back but one, until both have a line that is longer than what is measured.
    await patch(balancer, GROUP, {
      rate: { limit: 1, perMs: 3_600_000 },
      fairness: { light: { weight: 1 }, heavy: { weight: 3 } },
    })
    const calls = callAtOnce(321, 321, (index) => {
      const fairnessKey = index % 2 === 0 ? 'light' : 'heavy'
      return call(balancer, fairnessKey, 10, { fairnessKey })
    })
    await until(async () => (await queue(balancer)).waiting === 320, LIMIT_MS, '320 wait')
    await patch(balancer, GROUP, { rate: null })
    assert.deepEqual([...new Set((await calls).map(({ status }) => status))], [200])
    const starts = (await probe.read()).filter(({ event }) => event === 'started').slice(0, 200)
    const heavy = starts.filter(({ id }) => id === 'heavy').length
    assert.ok(Math.abs(heavy - 150) <= 10, `the heavy key got ${heavy} of 200 starts`)
  })

  test('limits survive a kill -9 of the balancer and hold from its first answer on', async (t) => {
    const { probe, balancer: first } = await setUp(t, [{ SLOTS: '4' }])
    await patch(first, PROBE, { concurrency: 1, fairness: { ['__proto__']: { weight: 2 } } })
    await patch(first, GROUP, { paused: { reason: 'the night' }, rate: { limit: 1_000, perMs: 1_000 } })
    const before = await Promise.all([PROBE, GROUP].map((path) => first.request(path)))
    await first.kill9()

    const { port, dataDir, workersFile } = first
    const env = { PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile }
    const second = await startBalancer(t, { env })
    const refused = await call(second, 'refused', 0)
    assert.deepEqual([refused.status, bodyOf(refused).code], [503, 'PAUSED'])
    const after = await Promise.all([PROBE, GROUP].map((path) => second.request(path)))
    assert.deepEqual(
      after.map(({ body }) => body),
      before.map(({ body }) => body),
    )
    await waitForWorkers(second, 1)
    await patch(second, GROUP, { paused: null })
    const answers = await callAtOnce(6, 6, (index) => call(second, `${index}`, 50))
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    assert.equal(peakOf(await probe.read()), 1)
  })

  test('the default contract says which workers get the tasks that name none', async (t) => {
    const { balancer } = await setUp(t, [{ CONTRACT: '1' }, { CONTRACT: '2' }])
    const { body } = await balancer.request('/workers')
    const { items } = body as { items: { id: string; contract: number }[] }
    const worker = new Map(items.map(({ id, contract }) => [contract, id]))
    const goesTo = async (more: Record<string, unknown> = {}) =>
      (await call(balancer, '', 0, more)).headers.get('x-worker')
    assert.equal(await goesTo(), worker.get(2), 'the newest')
    await patch(balancer, GROUP, { defaultContract: 1 })
    assert.equal(await goesTo(), worker.get(1))
    assert.equal(await goesTo({ contract: 2 }), worker.get(2))
    await patch(balancer, PROBE, { defaultContract: 2 })
    assert.equal(await goesTo(), worker.get(2), 'the function goes before its group')
    await patch(balancer, PROBE, { defaultContract: null })
    assert.equal(await goesTo(), worker.get(1))
    await patch(balancer, GROUP, { defaultContract: null })
    assert.equal(await goesTo(), worker.get(2))
  })
})
