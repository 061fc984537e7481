/** The three masters of a worker's maintenance, as the worker, the API and the core hear of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeEntry, setUpReady } from './testing/fleet-bench.ts'

test('after every welcome the worker hears what file and operator want', async (t) => {
  const { bench, worker, link } = await setUpReady(t)
  const { at: _, ...first } = await link.message('maintenance')
  assert.deepEqual(first, { type: 'maintenance', on: false, by: 'file' })
  const wished = bench.fleet.setMaintenance('w1', { on: true, reason: 'disk', until: null })
  assert.equal(wished.ok && wished.worker.status, 'maintenance')
  const order = await link.message('maintenance', ({ on }) => on)
  assert.deepEqual([order.by, order.reason], ['operator', 'disk'])
  worker.script.hello = { seq: 5, status: 'maintenance', reason: 'disk' }
  link.socket.terminate()
  const next = await worker.welcomed(1)
  const again = await next.message('maintenance')
  assert.deepEqual([again.on, again.by, again.reason], [true, 'operator', 'disk'])
  assert.deepEqual((await bench.status('maintenance')).maintenance?.by, 'operator')
})

test("the file's: in the view, in the order, and `on` is a conflict that names the line", async (t) => {
  const { bench, worker, link } = await setUpReady(t)
  bench.fleet.setRoster([makeEntry(worker.url, { maintenance: true, maintenanceLine: 12 })])
  const order = await link.message('maintenance', ({ on }) => on)
  assert.equal(order.by, 'file')
  assert.equal(bench.view()?.maintenance?.by, 'file')
  const refused = bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null })
  assert.ok(!refused.ok)
  assert.equal(refused.error.code, 'CONFLICT')
  assert.match(refused.error.detail, /line 12/)
  bench.fleet.setRoster([makeEntry(worker.url)])
  await link.until(
    () => link.messages.filter((each) => each.type === 'maintenance' && !each.on)[1],
    'the end of it',
  )
  assert.equal(bench.view()?.status, 'ready')
})

test("the worker's own: an operator's `on` ends it, at once here and by order there", async (t) => {
  const { bench, link } = await setUpReady(t)
  link.state({ seq: 5, status: 'maintenance', reason: 'POST /off at the worker' })
  const view = await bench.status('maintenance')
  assert.deepEqual([view.maintenance?.by, view.reason], ['worker', 'POST /off at the worker'])
  const wished = bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null })
  assert.deepEqual(wished.ok && [wished.worker.status, wished.worker.maintenance], ['ready', null])
  const order = await link.message('maintenance', ({ by }) => by === 'operator')
  assert.equal(order.on, false)
  link.state({ seq: 6, status: 'ready' })
  link.state({ seq: 7, status: 'maintenance', reason: 'again' })
  await bench.status('maintenance')
})

test('an `on` of a worker in service does not outlast it: what the worker says next counts', async (t) => {
  const { bench, link } = await setUpReady(t)
  assert.ok(bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null }).ok)
  assert.equal((await link.message('maintenance', ({ by }) => by === 'operator')).on, false)
  link.state({ seq: 5, status: 'maintenance', reason: 'POST /off at the worker' })
  assert.equal((await bench.status('maintenance')).maintenance?.by, 'worker')
})

test('an `on` that was lost with its link is said again until the worker confirms it', async (t) => {
  const { bench, worker, link } = await setUpReady(t)
  link.state({ seq: 5, status: 'maintenance' })
  await bench.status('maintenance')
  worker.script.hello = { seq: 6, status: 'maintenance' }
  link.socket.terminate()
  bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null })
  const next = await worker.welcomed(1)
  assert.deepEqual((await next.message('maintenance')).by, 'operator')
  next.state({ seq: 7, status: 'ready' })
  next.say({ type: 'ping', id: 1 })
  await next.message('pong')
  worker.script.hello = { seq: 8 }
  next.socket.terminate()
  const third = await worker.welcomed(2)
  assert.deepEqual((await third.message('maintenance')).by, 'file')
})

test("`until` ends an operator's by itself, not the worker's own", async (t) => {
  const { bench, link } = await setUpReady(t)
  const until = new Date(Date.now() + 80).toISOString()
  bench.fleet.setMaintenance('w1', { on: true, reason: null, until })
  assert.equal((await link.message('maintenance', ({ on }) => on)).until, until)
  assert.equal(bench.view()?.maintenance?.until, until)
  const over = await link.until(
    () => link.messages.filter((each) => each.type === 'maintenance').find(({ on }, i) => i > 1 && !on),
    'its end',
  )
  assert.equal(over.by, 'file')
  assert.ok(bench.writes.some(({ kind }) => kind === 'intent-cleared'))
  assert.equal(bench.view()?.status, 'ready')
})

test('is kept over a restart, `since` included, and told to a worker that is linked later', async (t) => {
  const intent = { worker: 'w1', reason: 'kept', since: '2026-01-01T00:00:00.000Z', until: null }
  const { bench, link } = await setUpReady(t, {}, { contents: { intents: [intent] } })
  assert.equal((await link.message('maintenance')).reason, 'kept')
  assert.equal(bench.view()?.maintenance?.since, intent.since)
  bench.fleet.setMaintenance('w1', { on: true, reason: 'changed', until: null })
  assert.equal(bench.view()?.maintenance?.since, intent.since)
})
