/** Workers of another make under our balancer, played from the facts of their wire. */
import assert from 'node:assert/strict'
import { after, before, describe, type TestContext, test } from 'node:test'
import {
  type Answer,
  type Balancer,
  KEYS,
  postTask,
  startBalancer,
  startWorker,
  waitForWorkers,
} from '../../harness/berth.ts'
import { followLog } from '../../harness/log-feed.ts'
import { createScope, type Scope } from '../../harness/scope.ts'
import { until } from '../../harness/until.ts'
import { type ForeignOptions, ForeignWorker } from './foreign-worker.ts'

const LIMIT_MS = 20_000
const OWN = { lbKey: KEYS.fleet, key: KEYS.worker }

async function begin(t: Scope, options: Partial<ForeignOptions> = {}, env: Record<string, string> = {}) {
  const worker = await new ForeignWorker({ ...OWN, ...options }).start()
  t.after(() => worker.stop().catch(() => {}))
  const settings = {
    WORKER_DISCOVERY_INTERVAL: '200ms',
    WS_HEARTBEAT_INTERVAL: '300ms',
    DISK_RESERVE: '0',
    ...env,
  }
  const balancer = await startBalancer(t, { workers: [{ url: worker.url, name: 'other' }], env: settings })
  await waitForWorkers(balancer, 1)
  return { worker, balancer }
}

const work = (balancer: Balancer, input: object, more: object = {}, headers: Record<string, string> = {}) =>
  postTask(balancer, { function: 'work', group: 'foreign', input, ...more }, headers)

const resultOf = ({ body }: Answer) => (body as { result?: Record<string, unknown> }).result
const codeOf = ({ body }: Answer) => (body as { code?: string }).code

interface Line {
  status: string
  reason: string | null
  group: string
  slots: { limit: number; used: number }
  tags: object
  services: unknown[]
  functions: string[]
  system: { memoryUsed: number; cpuLoad: number; uptime: number }
}

const lineOf = async (balancer: Balancer) => (await balancer.request('/workers/other')).body as Line
const statusIs = (balancer: Balancer, status: string) =>
  until(async () => (await lineOf(balancer)).status === status, LIMIT_MS, `the worker is ${status}`)

describe('a worker of another make', () => {
  const scope = createScope()
  let worker: ForeignWorker
  let balancer: Balancer
  before(async () => {
    const begun = await begin(scope)
    worker = begun.worker
    balancer = begun.balancer
  })
  after(() => scope.end())

  test('is recognised by its health and shown like any other', async () => {
    const line = await lineOf(balancer)
    assert.deepEqual([line.status, line.group, line.slots.limit], ['ready', 'foreign', 4])
    assert.deepEqual(line.tags, { os: 'other' })
    assert.deepEqual(line.services, [{ name: 'browser', state: 'running' }])
    assert.deepEqual(line.functions, ['chat', 'work'])
    assert.deepEqual([line.system.memoryUsed, line.system.cpuLoad, line.system.uptime], [0.41, 0.3, 12])
    await until(() => worker.feeds === 1, LIMIT_MS, 'its feed is followed')
    const logs = await balancer.request('/workers/other/logs')
    assert.match(logs.text, /two/)
  })

  test('has its lines followed while somebody watches: what was there, then what is new', async (t) => {
    const before = worker.logReads
    const feed = followLog(t, balancer, 'logs:other')
    const has = (text: string) => until(() => feed.texts.includes(text), LIMIT_MS, `"${text}" is told`)
    await has('two')
    worker.lines = ['one', 'two', 'three']
    await has('three')
    // It keeps three.
    worker.lines = ['three', 'three', 'WARN four']
    await has('WARN four')
    // A new link to it, on a machine that stood still, would tell the last ones again.
    assert.deepEqual([...new Set(feed.texts)], ['one', 'two', 'three', 'WARN four'])
    assert.ok(feed.texts.filter((text) => text === 'three').length >= 2, 'equal lines are two')
    assert.ok(worker.logReads >= before + 3)
    const errors = followLog(t, balancer, 'logs?worker=other&level=warn')
    await until(() => errors.texts.length > 0, LIMIT_MS, 'another page has what it wants of what is kept')
    assert.deepEqual([...new Set(errors.texts)], ['WARN four'])
    await Promise.all([feed.close(), errors.close()])
  })

  test('is pinged at every interval', async () => {
    const before = worker.pings.length
    await until(() => worker.pings.length >= before + 3, LIMIT_MS, 'three more pings came')
  })

  test('gets tasks with both keys and the priority, and answers them', async () => {
    const answer = await work(balancer, { n: 7 }, { priority: 3 })
    assert.equal(answer.status, 200, answer.text)
    assert.deepEqual(resultOf(answer), { n: 7, by: 'foreign', priority: 3, mode: 'sync' })
    const { task, headers } = worker.heard.at(-1) ?? assert.fail('nothing was heard')
    assert.deepEqual([headers['x-lb-auth'], headers.authorization], [KEYS.fleet, KEYS.worker])
    assert.deepEqual([task.group, task.contract, task.priority], ['foreign', 1, 3])
    assert.equal(answer.headers.get('x-worker'), 'other')
  })

  test("takes the caller's own key where one is given, and not on a durable task", async () => {
    await work(balancer, {}, {}, { 'x-wr-auth': 'callers-own' })
    assert.equal(worker.heard.at(-1)?.headers.authorization, 'callers-own')
    const wrong = await work(balancer, {}, {}, { 'x-wr-auth': 'nobodys' })
    assert.match(wrong.text, /Wrong worker key/)
    const answer = await work(balancer, { n: 9 }, { mode: 'async' }, { 'x-wr-auth': 'nobodys' })
    const { runId } = answer.body as { runId: string }
    const run = (await balancer.request(`/runs/${runId}?wait=20`)).body as {
      status: string
      result: { n: number }
    }
    assert.deepEqual([run.status, run.result?.n], ['completed', 9])
    assert.equal(worker.heard.at(-1)?.headers.authorization, KEYS.worker)
  })

  test("tells its failures at once, in the worker's words", async () => {
    const failed = await work(balancer, { fail: 'boom' })
    assert.deepEqual([failed.status, codeOf(failed)], [500, 'FUNCTION_FAILED'])
    assert.match(failed.text, /boom/)
    const wrong = await work(balancer, { fail: 'n must be even', status: 400 })
    assert.deepEqual([wrong.status, codeOf(wrong)], [422, 'INVALID_INPUT'])
    const late = await work(balancer, { ms: 10_000 }, { timeout: 100 })
    assert.deepEqual([late.status, codeOf(late)], [504, 'TIMEOUT'])
    const bytes = await balancer.request('/task/foreign/work', {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream' },
      body: 'abc',
    })
    assert.match(bytes.text, /takes JSON alone/)
  })

  test('never has more than its slots: nothing is sent ahead', async () => {
    const answers = await Promise.all(Array.from({ length: 60 }, (_, n) => work(balancer, { n, ms: 5 })))
    assert.ok(answers.every(({ status }) => status === 200))
    assert.ok(worker.most <= 4, `${worker.most} at once`)
  })

  test('a caller that goes away closes its request', async () => {
    const before = worker.closedEarly
    const leaving = new AbortController()
    const call = fetch(`${balancer.url}/task`, {
      method: 'POST',
      headers: { authorization: KEYS.caller, 'content-type': 'application/json' },
      body: JSON.stringify({ function: 'work', group: 'foreign', input: { gate: 'never' } }),
      signal: leaving.signal,
    }).catch(() => 'gone')
    await until(() => worker.running === 1, LIMIT_MS, 'it runs')
    leaving.abort()
    assert.equal(await call, 'gone')
    await until(() => worker.closedEarly === before + 1, LIMIT_MS, 'the request is closed')
  })

  test('streams come piece by piece, and one that is cut off does not look complete', async () => {
    const stream = (input: object) =>
      fetch(`${balancer.url}/task`, {
        method: 'POST',
        headers: { authorization: KEYS.caller, 'content-type': 'application/json' },
        body: JSON.stringify({ function: 'chat', group: 'foreign', mode: 'stream', input }),
      })
    assert.equal(await (await stream({ pieces: 3 })).text(), '1;2;3;')
    const cut = await stream({ pieces: 2, cut: true })
    await assert.rejects(cut.text())
    const long = await (await stream({ pieces: 200, bytes: 100_000 })).text()
    assert.equal(
      long.length,
      Array.from({ length: 200 }, (_, n) => `${n + 1};`).join('').length + 200 * 100_000,
    )
  })

  test('maintenance is passed on by /off and /on, and what it says by itself counts', async () => {
    assert.equal((await balancer.request('/workers/other/off', { method: 'POST' })).status, 200)
    await until(() => worker.isOff, LIMIT_MS, 'it was switched off')
    await statusIs(balancer, 'maintenance')
    assert.equal((await work(balancer, {})).status, 503)
    await balancer.request('/workers/other/on', { method: 'POST' })
    await until(() => !worker.isOff, LIMIT_MS, 'it was switched on')
    await statusIs(balancer, 'ready')
    worker.isOff = true
    worker.push()
    await statusIs(balancer, 'maintenance')
    await balancer.request('/workers/other/on', { method: 'POST' })
    await statusIs(balancer, 'ready')
    assert.equal(worker.isOff, false)
  })
})

describe('what goes wrong with it', { concurrency: 3 }, () => {
  const scoped = (name: string, body: (t: Scope & TestContext) => Promise<void>) =>
    test(name, (t) => body(t as Scope & TestContext))

  scoped('without a slot feed it is asked, and used all the same', async (t) => {
    const { worker, balancer } = await begin(t, { hasFeed: false })
    assert.equal((await work(balancer, { n: 1 })).status, 200)
    worker.isOff = true
    await statusIs(balancer, 'maintenance')
  })

  scoped('what it does not say of its machine is unknown, not zero', async (t) => {
    const { balancer } = await begin(t, { hasFeed: false, hasSystem: false })
    assert.equal((await lineOf(balancer)).system, null)
  })

  scoped('a figure that it leaves out is unknown beside those that it says', async (t) => {
    const { balancer } = await begin(t, { hasFeed: false, system: { cpuLoad: 0.3 } })
    const { system } = await lineOf(balancer)
    assert.deepEqual(system, { cpuLoad: 0.3, memoryUsed: null, eventLoopDelayMs: null, uptime: null })
  })

  scoped('a health that never ends is named as what is wrong', async (t) => {
    const worker = await new ForeignWorker({ ...OWN, isMute: true }).start()
    t.after(() => worker.stop())
    const env = { WORKER_DISCOVERY_INTERVAL: '200ms', WORKER_DISCOVERY_TIMEOUT: '1s' }
    const balancer = await startBalancer(t, { workers: [{ url: worker.url, name: 'other' }], env })
    // Where even the head of the answer comes late, a first try has another reason.
    const isNamed = async () => {
      const { status, reason } = await lineOf(balancer)
      return status === 'unreachable' && /health cannot be read \(no answer in time\)/.test(reason ?? '')
    }
    await until(isNamed, LIMIT_MS, 'its health is named as what is wrong')
  })

  scoped('a feed that is lost is made good by asking; the worker stays in service', async (t) => {
    const { worker, balancer } = await begin(t)
    const held = work(balancer, { gate: 'g' })
    await until(() => worker.running === 1, LIMIT_MS, 'it runs')
    await worker.cutFeed()
    assert.equal((await work(balancer, { n: 2 })).status, 200)
    worker.open('g')
    assert.equal((await held).status, 200)
    assert.equal((await lineOf(balancer)).status, 'ready')
  })

  scoped(
    'a wrong fleet key is refused by its feed and by its health: it cannot be used, and why is said',
    async (t) => {
      const worker = await new ForeignWorker({ lbKey: 'another', key: KEYS.worker }).start()
      t.after(() => worker.stop())
      const balancer = await startBalancer(t, {
        workers: [{ url: worker.url, name: 'other' }],
        env: { WORKER_DISCOVERY_INTERVAL: '200ms' },
      })
      await statusIs(balancer, 'unreachable')
      assert.match((await lineOf(balancer)).reason ?? '', /no Berth worker|refuses our keys/)
    },
  )

  scoped(
    'when it dies, what ran there is lost as after any death, and repeated where it may be',
    async (t) => {
      const { worker, balancer } = await begin(t)
      const own = await startWorker(t, { env: { GROUP: 'own' } })
      assert.ok(own.url)
      const lost = work(balancer, { gate: 'a' })
      const again = work(balancer, { gate: 'b' }, { idempotent: true, timeout: 60_000 })
      await until(() => worker.running === 2, LIMIT_MS, 'both run')
      const { port } = new URL(worker.url)
      await worker.stop()
      assert.equal(codeOf(await lost), 'WORKER_LOST')
      const next = await new ForeignWorker({ ...OWN, port: Number(port) }).start()
      t.after(() => next.stop())
      await until(() => next.running === 1, LIMIT_MS, 'it runs again')
      next.open('b')
      const answer = await again
      assert.deepEqual([answer.status, answer.headers.get('x-attempt')], [200, '2'])
    },
  )

  scoped('a worker that serves something else after a restart is met anew', async (t) => {
    const { worker, balancer } = await begin(t)
    const { port } = new URL(worker.url)
    await worker.stop()
    await statusIs(balancer, 'unreachable')
    const next = await new ForeignWorker({ ...OWN, port: Number(port), group: 'elsewhere' }).start()
    t.after(() => next.stop())
    await statusIs(balancer, 'ready')
    assert.equal((await lineOf(balancer)).group, 'elsewhere')
    assert.equal(
      codeOf(await postTask(balancer, { function: 'work', group: 'elsewhere', input: {} })),
      undefined,
    )
  })
})
