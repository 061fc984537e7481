/**
 * Runs on disk across a `kill -9` of the balancer, on real processes (A5, A6, A8, G4): what was promised ends once,
 * what a worker finished meanwhile is handed over, what waits goes on in its order, what fell due is begun.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { CALM, LIMIT_MS, Site } from './site.ts'

const LIMIT = { timeout: 300_000 }

type Run = { status: string; attempt: number; worker: string | null; result: { id: string } | null }

async function promise(site: Site, id: string, ms: number, fields: object = {}): Promise<string> {
  const body = JSON.stringify({ function: 'probe', mode: 'async', input: { id, ms }, ...fields })
  const headers = { 'content-type': 'application/json' }
  const answer = await site.balancer.request('/task', { method: 'POST', headers, body })
  assert.equal(answer.status, 202, answer.text)
  return (answer.body as { runId: string }).runId
}

async function end(site: Site, run: string): Promise<Run> {
  let found: Run | undefined
  await until(
    async () => {
      const { status, body } = await site.balancer.request(`/runs/${run}?wait=5`)
      found = body as Run
      return status === 200 && ['completed', 'failed', 'cancelled', 'expired'].includes(found.status)
    },
    LIMIT_MS,
    `${run} has ended`,
  )
  assert.ok(found)
  return found
}

async function startsOf(site: Site, run: string): Promise<number> {
  return (await site.probe.read()).filter(({ runId, event }) => runId === run && event === 'started').length
}

async function started(site: Site, run: string, event: 'started' | 'finished' = 'started'): Promise<void> {
  await until(
    async () => (await site.probe.read()).some((one) => one.runId === run && one.event === event),
    LIMIT_MS,
    `${run} has ${event}`,
  )
}

const start = (t: Scope, slots: number): Promise<Site> => Site.start(t, { workers: [{ slots }], env: CALM })

test('what runs goes on at its worker, and what it finished meanwhile is taken', LIMIT, async (t) => {
  const site = await start(t, 4)
  const [short, long] = [await promise(site, 'short', 300), await promise(site, 'long', 3_000)]
  await Promise.all([started(site, short), started(site, long)])
  await site.killBalancer()
  await started(site, short, 'finished')
  await site.restartBalancer()
  for (const run of [short, long]) {
    const { status, attempt, worker } = await end(site, run)
    assert.deepEqual([status, attempt, worker], ['completed', 1, 'w1'])
    assert.equal(await startsOf(site, run), 1)
  }
})

test('what waits goes on in the order of acceptance, new runs behind it (G4)', LIMIT, async (t) => {
  const site = await start(t, 1)
  const runs: string[] = []
  for (let i = 0; i < 30; i++) runs.push(await promise(site, `t${i}`, 20))
  await site.killBalancer()
  await site.restartBalancer()
  for (let i = 30; i < 40; i++) runs.push(await promise(site, `t${i}`, 0))
  await Promise.all(runs.map((run) => end(site, run)))
  const order = (await site.probe.read()).filter(({ event }) => event === 'started').map(({ runId }) => runId)
  assert.deepEqual(order, runs)
})

test('a crash loop repeats nothing, and a delayed run is begun when it is due (A8)', LIMIT, async (t) => {
  const site = await start(t, 4)
  const long = await promise(site, 'long', 4_000)
  const delayed = await promise(site, 'delayed', 0, { delay: 1_500 })
  await started(site, long)
  for (let kill = 0; kill < 5; kill++) {
    await site.killBalancer()
    await site.restartBalancer()
  }
  for (const run of [long, delayed]) {
    assert.deepEqual([(await end(site, run)).status, await startsOf(site, run)], ['completed', 1])
  }
})

test(
  'a run whose worker died with the balancer is repeated once, under the next number',
  LIMIT,
  async (t) => {
    const site = await start(t, 4)
    const run = await promise(site, 'twice', 0, { input: { id: 'twice', how: 'held' } })
    await started(site, run)
    await Promise.all([site.killBalancer(), site.killWorker(0)])
    await site.probe.release()
    await site.restartWorker(0)
    await site.restartBalancer()
    const { status, attempt } = await end(site, run)
    assert.deepEqual([status, attempt, await startsOf(site, run)], ['completed', 2, 2])
    const attempts = (await site.probe.read())
      .filter(({ event }) => event === 'started')
      .map((one) => one.attempt)
    assert.deepEqual(attempts, [1, 2])
  },
)
