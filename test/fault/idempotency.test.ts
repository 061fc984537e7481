/**
 * H1–H5: `Idempotency-Key` at real processes: many at once, other bodies, keys that are none, a balancer that dies in
 * the middle, failures that are replayed. What ran is told by the worker's own notes, not by the balancer.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
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
import { type Probe, writeProbe } from '../harness/executions.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'

const LIMIT_MS = 30_000

describe('Idempotency-Key', () => {
  const scope = createScope()
  let probe: Probe
  let worker: Worker
  let balancer: Balancer

  before(async () => {
    probe = await writeProbe(await makeFolder(scope, 'fleet'))
    worker = await startWorker(scope, { folder: probe.folder, env: { SLOTS: '20' } })
    balancer = await startBalancer(scope, { workers: [{ url: worker.url, name: 'w1' }] })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  const post = (key: string, input: object, more: object = {}): Promise<Answer> =>
    postTask(balancer, { function: 'probe', input, ...more }, { 'idempotency-key': key })

  async function startsOf(id: string): Promise<number> {
    return (await probe.read()).filter((note) => note.id === id && note.event === 'started').length
  }

  const runOf = ({ body }: Answer) => (body as { runId?: string }).runId

  test('H1: a hundred at once are one task', { timeout: 180_000 }, async () => {
    const [sync, async] = [randomUUID(), randomUUID()]
    const [waited, begun] = await Promise.all([
      Promise.all(Array.from({ length: 100 }, () => post(sync, { id: sync, ms: 300 }))),
      Promise.all(Array.from({ length: 100 }, () => post(async, { id: async, ms: 300 }, { async: true }))),
    ])
    const answered = waited.filter(({ status }) => status === 200)
    assert.ok(answered.length > 0)
    assert.equal(new Set(answered.map(({ text }) => text)).size, 1)
    assert.ok(
      waited.every(({ status, body }) => status === 200 || (body as { code: string }).code === 'CONFLICT'),
    )
    assert.deepEqual([...new Set(begun.map(({ status }) => status))], [202])
    assert.equal(new Set(begun.map(runOf)).size, 1)
    await until(async () => (await startsOf(async)) > 0, LIMIT_MS, 'it runs')
    const replayed = await post(sync, { id: sync, ms: 300 })
    assert.deepEqual(
      [replayed.status, replayed.text, replayed.headers.get('idempotency-replayed')],
      [200, answered[0]?.text, 'true'],
    )
    assert.deepEqual([await startsOf(sync), await startsOf(async)], [1, 1])
  })

  test('H2: another body is 422, another address is another task', { timeout: 180_000 }, async () => {
    const key = randomUUID()
    assert.equal((await post(key, { id: key })).status, 200)
    const other = await post(key, { id: `${key} ` })
    assert.deepEqual([other.status, (other.body as { code: string }).code], [422, 'IDEMPOTENCY_MISMATCH'])
    const routed = await balancer.request('/task/default/probe', {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify({ id: key }),
    })
    assert.deepEqual([routed.status, routed.headers.get('idempotency-replayed')], [200, null])
    assert.deepEqual([await startsOf(key), await startsOf(`${key} `)], [2, 0])
  })

  test('H3: keys that are none are 400, and run nothing', { timeout: 180_000 }, async () => {
    const id = randomUUID()
    const body = JSON.stringify({ function: 'probe', input: { id } })
    const long = 'k'.repeat(10_240)
    for (const lines of [
      ['Idempotency-Key: '],
      [`Idempotency-Key: ${long}`],
      ['Idempotency-Key: a', 'Idempotency-Key: b'],
      ['Idempotency-Key: a\rb'],
      ['Idempotency-Key: a', 'Idempotency-Key: a'],
    ]) {
      const status = await sendRaw(balancer.port, lines, body)
      assert.ok(status === 400 || status === 431, `${status} for ${lines.join(' | ').slice(0, 60)}`)
    }
    assert.equal((await post(randomUUID(), { id }, { mode: 'stream' })).status, 400)
    assert.equal(await startsOf(id), 0)
  })

  test('H4: a balancer that dies in the middle has task and key, or neither', {
    timeout: 300_000,
  }, async () => {
    for (let round = 0; round < 2; round++) {
      const keys = Array.from({ length: 40 }, () => randomUUID())
      const ask = (key: string) => post(key, { id: key }, { async: true })
      const first = keys.map((key) => ask(key).then(runOf, () => undefined))
      await Promise.race(first)
      await balancer.kill9()
      const promised = await Promise.all(first)
      const { port, dataDir, workersFile } = balancer
      const env = { PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile }
      balancer = await startBalancer(scope, { env })
      const runs = (await Promise.all(keys.map(ask))).map(runOf)
      for (const [index, run] of promised.entries()) if (run !== undefined) assert.equal(runs[index], run)
      assert.equal(new Set(runs).size, keys.length)
      for (const key of keys) await until(async () => (await startsOf(key)) > 0, LIMIT_MS, `${key} runs`)
      const again = (await Promise.all(keys.map(ask))).map(runOf)
      assert.deepEqual(again, runs)
      await waitForWorkers(balancer, 1)
    }
  })

  test('H5: a failure is replayed, a refusal is not kept', { timeout: 180_000 }, async () => {
    const [failing, refused] = [randomUUID(), randomUUID()]
    const failed = await post(failing, { id: failing, how: 'fail' })
    const replayed = await post(failing, { id: failing, how: 'fail' })
    assert.deepEqual([failed.status, replayed.status], [500, 500])
    assert.deepEqual(replayed.body, failed.body)
    assert.equal(replayed.headers.get('idempotency-replayed'), 'true')
    assert.equal(await startsOf(failing), 1)
    const wrong = await post(refused, { id: refused, ms: 'soon' })
    assert.deepEqual([wrong.status, wrong.headers.get('idempotency-replayed')], [422, null])
    assert.equal((await post(refused, { id: refused })).status, 200)
  })
})

/** As no client library would send it; the status of the answer. */
function sendRaw(port: number, lines: readonly string[], body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let text = ''
    socket.on('error', reject)
    socket.on('data', (piece) => {
      text += String(piece)
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]
      if (status === undefined) return
      resolve(Number(status))
      socket.destroy()
    })
    socket.on('close', () => reject(new Error(`no answer: ${text}`)))
    const head = ['POST /task HTTP/1.1', 'Host: berth.test', `Authorization: ${KEYS.caller}`]
    const size = `Content-Length: ${Buffer.byteLength(body)}`
    socket.write([...head, 'Content-Type: application/json', size, ...lines, '', body].join('\r\n'))
  })
}
