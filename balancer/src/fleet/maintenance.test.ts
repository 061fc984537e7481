/** The three masters of a worker's maintenance, as the worker, the API and the core hear of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RECORD } from '@berth/protocol'
import { systemClock } from '@berth/runtime'
import { endWith, FleetBench, makeEntry, setUpReady, until } from './testing/fleet-bench.ts'
import { ScriptedWorker } from './testing/scripted-worker.ts'

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

test('the core hears when an operator has a worker come back', async (t) => {
  const { bench } = await setUpReady(t)
  const backAt = () => [...bench.workforce.facts.values()].map((facts) => facts.backAt)
  assert.deepEqual(backAt(), [undefined])
  const until = new Date(systemClock.wallMs() + 90_000).toISOString()
  bench.fleet.setMaintenance('w1', { on: true, reason: null, until })
  const [at = 0] = backAt()
  assert.ok(Math.abs(at - systemClock.monoMs() - 90_000) < 10_000, String(at))
  bench.fleet.setMaintenance('w1', { on: true, reason: null, until: null })
  assert.deepEqual(backAt(), [undefined])
  bench.fleet.setMaintenance('w1', { on: true, reason: null, until })
  bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null })
  assert.deepEqual(backAt(), [undefined])
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

test('an `on` right behind an `off` is not undone by the word of a worker that has only read the first', async (t) => {
  const { bench, link } = await setUpReady(t)
  link.onPing = () => {}
  assert.ok(bench.fleet.setMaintenance('w1', { on: true, reason: 'disk', until: null }).ok)
  assert.ok(bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null }).ok)
  assert.ok(bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null }).ok, 'said twice')
  await link.message('maintenance', ({ by, on }) => by === 'operator' && !on)
  link.state({ seq: 5, status: 'maintenance', reason: 'maintenance by operator: disk' })
  link.record(RECORD.STARTED, 99)
  link.flush()
  await until(() => bench.logged('worker speaks of a task that it does not have'), 'the state was read')
  assert.deepEqual([bench.view()?.status, bench.view()?.maintenance], ['ready', null])
  for (const { id } of link.messages.filter((each) => each.type === 'ping')) link.say({ type: 'pong', id })
  link.state({ seq: 6, status: 'maintenance', reason: 'POST /off at the worker' })
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

test("an `on` hides the worker's word only as long as that may be older than the order", async (t) => {
  const { bench, link } = await setUpReady(t)
  link.state({ seq: 5, status: 'maintenance', reason: 'POST /off at the worker' })
  await bench.status('maintenance')
  link.onPing = () => {}
  const wished = bench.fleet.setMaintenance('w1', { on: false, reason: null, until: null })
  assert.equal(wished.ok && wished.worker.status, 'ready')
  const order = await link.message('maintenance', ({ by }) => by === 'operator')
  const ping = await link.message('ping', () => true)
  assert.ok(link.messages.indexOf(order) < link.messages.indexOf(ping))
  link.state({ seq: 6, status: 'maintenance', reason: 'it crossed the order' })
  link.record(RECORD.STARTED, 99)
  link.flush()
  await until(() => bench.logged('worker speaks of a task that it does not have'), 'the state was read')
  assert.equal(bench.view()?.status, 'ready')
  for (const { id } of link.messages.filter((each) => each.type === 'ping')) link.say({ type: 'pong', id })
  link.state({ seq: 7, status: 'maintenance', reason: 'maintenance by file' })
  const view = await bench.status('maintenance')
  assert.deepEqual([view.maintenance?.by, view.reason], ['worker', 'maintenance by file'])
  assert.equal(bench.workforce.facts.get('w1')?.isInService, false)
})

test('whoever leaves the list is let go: nobody is there to end its maintenance any more', async (t) => {
  const worker = endWith(t, await ScriptedWorker.start())
  const bench = new FleetBench(t)
  bench.fleet.setRoster([makeEntry(worker.url)])
  bench.fleet.setMaintenance('w1', { on: true, reason: 'disk', until: null })
  const link = await worker.welcomed()
  await link.message('maintenance', ({ on }) => on)
  bench.workforce.attempts.set('w1', 1)
  bench.fleet.setRoster([])
  assert.equal(bench.view()?.status, 'leaving')
  bench.workforce.attempts.set('w1', 0)
  const end = await link.message('maintenance', ({ on }) => !on)
  assert.equal(end.by, 'file', "the worker's own is left to it")
  const bye = await link.message('bye')
  assert.equal(link.messages.indexOf(bye), link.messages.indexOf(end) + 1)
  await link.closed

  bench.fleet.setRoster([makeEntry(worker.url, { maintenance: true })])
  const next = await worker.welcomed(1)
  await next.message('maintenance', ({ on }) => on)
  bench.fleet.setRoster([])
  assert.equal((await next.message('maintenance', ({ on }) => !on)).by, 'file')
})

test('a balancer that stops leaves its orders as they are, for it comes back', async (t) => {
  const { bench, link } = await setUpReady(t)
  bench.fleet.setMaintenance('w1', { on: true, reason: 'disk', until: null })
  const order = await link.message('maintenance', ({ on }) => on)
  bench.fleet.stop()
  await link.message('bye')
  assert.equal(
    link.messages.findLast(({ type }) => type === 'maintenance'),
    order,
  )
})

test("`until` ends an operator's by itself, not the worker's own", async (t) => {
  const { bench, link } = await setUpReady(t)
  const endsAt = new Date(Date.now() + 80).toISOString()
  bench.fleet.setMaintenance('w1', { on: true, reason: null, until: endsAt })
  assert.equal((await link.message('maintenance', ({ on }) => on)).until, endsAt)
  assert.equal(bench.view()?.maintenance?.until, endsAt)
  const over = await link.until(
    () => link.messages.filter((each) => each.type === 'maintenance').find(({ on }, i) => i > 1 && !on),
    'its end',
  )
  assert.equal(over.by, 'file')
  assert.ok(bench.writes.some(({ kind }) => kind === 'intent-cleared'))
  assert.equal(bench.view()?.status, 'ready')
})

test('is kept over a restart, `since` included, and told to a worker that is linked later', async (t) => {
  const intent = {
    worker: 'w1',
    reason: 'kept',
    since: '2026-01-01T00:00:00.000Z',
    until: null,
    deadline: null,
    by: null,
  }
  const { bench, link } = await setUpReady(t, {}, { contents: { intents: [intent] } })
  assert.equal((await link.message('maintenance')).reason, 'kept')
  assert.equal(bench.view()?.maintenance?.since, intent.since)
  bench.fleet.setMaintenance('w1', { on: true, reason: 'changed', until: null })
  assert.equal(bench.view()?.maintenance?.since, intent.since)
})
