/**
 * workers.json changed by HTTP on real processes: what an operator writes is in the file, in the fleet and in the
 * history, keys stay where they are, and nobody's change is lost.
 */
import assert from 'node:assert/strict'
import { chmod, readFile, rename, stat, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import {
  type Answer,
  type Balancer,
  KEYS,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS, listWorkers, waitForStatus } from './fleet.ts'

type Version = { version: number; who: string; reason: string | null; action: string; of: number | null }

const PATH = '/config/workers'

describe('changing workers.json by HTTP', () => {
  const scope = createScope()
  let balancer: Balancer
  let workers: Worker[]

  before(async () => {
    workers = await Promise.all([startWorker(scope), startWorker(scope)])
    // The key stands in the file alone: who changed it without meaning to would lose the worker.
    balancer = await startBalancer(scope, { env: { WORKER_AUTH_KEY: 'not-the-one' }, workers: [entry(0)] })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  const entry = (at: number) => ({ url: workers[at]?.url ?? '', name: `w${at + 1}`, key: KEYS.worker })
  const masked = (at: number) => ({ ...entry(at), key: '***' })

  async function put(list: unknown, headers: Record<string, string>): Promise<Answer> {
    const body = typeof list === 'string' ? list : JSON.stringify(list, undefined, 2)
    return balancer.request(PATH, { method: 'PUT', headers, body })
  }

  const post = (path: string, body?: unknown) =>
    balancer.request(`${PATH}${path}`, {
      method: 'POST',
      body: body === undefined ? null : JSON.stringify(body),
    })

  async function etag(): Promise<string> {
    return (await balancer.request(PATH)).headers.get('etag') ?? ''
  }

  async function versions(): Promise<Version[]> {
    return ((await balancer.request(`${PATH}/history`)).body as { items: Version[] }).items
  }

  test('the file is shown without its keys', async () => {
    const { status, text } = await balancer.request(PATH)
    assert.equal(status, 200)
    assert.deepEqual(JSON.parse(text), [masked(0)])
    assert.ok(!text.includes(KEYS.worker))
  })

  test('a worker that is added serves at once, with the key that was kept', async () => {
    await chmod(balancer.workersFile, 0o640)
    const headers = { 'if-match': await etag(), 'x-reason': encodeURIComponent('mehr Plätze') }
    const { status, body, headers: answered } = await put([masked(0), entry(1)], headers)
    assert.equal(status, 200, JSON.stringify(body))
    const { added, removed, changed, version } = body as Record<string, unknown>
    assert.deepEqual(
      { added, removed, changed, version },
      { added: ['w2'], removed: [], changed: [], version: 2 },
    )
    assert.equal(answered.get('etag'), await etag())
    assert.deepEqual(JSON.parse(await readFile(balancer.workersFile, 'utf8')), [entry(0), entry(1)])
    assert.equal((await stat(balancer.workersFile)).mode & 0o777, 0o640)
    await waitForWorkers(balancer, 2)
    const [newest] = await versions()
    assert.deepEqual([newest?.version, newest?.who, newest?.reason], [2, 'key', 'mehr Plätze'])
  })

  test('a dry run says what would be lost, and changes nothing', async () => {
    const { body } = await post('/dry-run', [masked(1)])
    const { ok, removed, slotsLost, slotsLostShare, functionsLeft } = body as Record<string, unknown>
    assert.deepEqual(
      { ok, removed, slotsLost, slotsLostShare },
      { ok: true, removed: ['w1'], slotsLost: 10, slotsLostShare: 0.5 },
    )
    assert.deepEqual(functionsLeft, [])
    const all = (await post('/dry-run', [])).body as {
      functionsLeft: { name: string }[]
      slotsLostShare: number
    }
    assert.equal(all.slotsLostShare, 1)
    assert.ok(all.functionsLeft.some(({ name }) => name === 'hello'))
    assert.equal((await listWorkers(balancer)).length, 2)
  })

  test('a change by hand is in the history, and refuses a change that has not seen it', async () => {
    const seen = await etag()
    await writeFile(`${balancer.workersFile}.draft`, JSON.stringify([entry(1), entry(0)]))
    await rename(`${balancer.workersFile}.draft`, balancer.workersFile)
    await until(async () => (await versions())[0]?.version === 3, LIMIT_MS, 'the change by hand')
    assert.equal((await versions())[0]?.who, 'file')
    assert.equal((await put([], {})).status, 428)
    const refused = await put([], { 'if-match': seen })
    assert.deepEqual([refused.status, bodyOf(refused).code], [412, 'PRECONDITION_FAILED'])
    assert.equal((await listWorkers(balancer)).length, 2)
  })

  test('of ten who change it at once one gets through, and its list is in force', async () => {
    const seen = await etag()
    const weights = Array.from({ length: 10 }, (_, at) => at + 1)
    const answers = await Promise.all(
      weights.map((weight) => put([{ ...masked(0), weight }, masked(1)], { 'if-match': seen })),
    )
    const won = answers.flatMap(({ status }, at) => (status === 200 ? [weights[at]] : []))
    assert.equal(won.length, 1)
    assert.ok(answers.every(({ status }) => status === 200 || status === 412))
    const [first] = JSON.parse(await readFile(balancer.workersFile, 'utf8'))
    assert.equal(first.weight, won[0])
  })

  test('removed by mistake, brought back by rolling back, keys and all', async () => {
    const [before] = await versions()
    const removed = await put([masked(1)], { 'if-match': await etag() })
    assert.deepEqual((removed.body as { removed: string[] }).removed, ['w1'])
    await until(async () => (await listWorkers(balancer)).length === 1, LIMIT_MS, 'w1 to be gone')
    const back = await post('/rollback', { version: before?.version, reason: 'that was the wrong one' })
    assert.deepEqual([back.status, (back.body as { added: string[] }).added], [200, ['w1']])
    await waitForStatus(balancer, 'w1', 'ready', 'saturated')
    const [newest] = await versions()
    assert.deepEqual([newest?.action, newest?.of], ['rollback', before?.version])
  })

  test('a wrong list changes nothing and is named by place; a read-only file is 409', async () => {
    const headers = { 'if-match': await etag() }
    const wrong = await put('[\n  {"url": "http://a", "weight": 101}\n]', headers)
    assert.deepEqual([wrong.status, bodyOf(wrong).errors?.[0]?.pointer], [400, '/0/weight'])
    await chmod(balancer.workersFile, 0o444)
    const refused = await put([], headers)
    assert.deepEqual([refused.status, bodyOf(refused).code], [409, 'READ_ONLY_FILE'])
    await chmod(balancer.workersFile, 0o640)
    const answer = await postTask(balancer, { function: 'hello', input: { name: 'Ada' } })
    assert.equal(answer.status, 200)
  })

  test('nothing that is kept holds a key', async () => {
    for (const { version } of await versions()) {
      const { status, text } = await balancer.request(`${PATH}/history/${version}`)
      assert.equal(status, 200)
      assert.ok(!text.includes(KEYS.worker))
    }
    await balancer.stop()
    for (const name of ['berth.db', 'berth.db-wal']) {
      const bytes = await readFile(`${balancer.dataDir}/${name}`).catch(() => Buffer.alloc(0))
      assert.ok(!bytes.includes(KEYS.worker), name)
    }
  })
})
