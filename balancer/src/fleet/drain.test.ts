/** Draining with a deadline, as the core, the worker and whoever asks hear of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drainOf } from './drain.ts'
import { newPicture } from './picture.ts'
import { reportFrom } from './self-report.ts'
import { makeEntry, setUpReady, until } from './testing/fleet-bench.ts'
import { makeHello } from './testing/scripted-worker.ts'

const NOW = Date.parse('2026-01-01T00:00:00.000Z')
const soon = (ms: number) => new Date(Date.now() + ms).toISOString()
const busy = { limit: 4, used: 3, linked: 1, stuck: 0, queued: 0, queueLimit: 100 }

function paint(used: number, linked: number, deadline: string | null = null) {
  const report = reportFrom(makeHello([], { slots: { ...busy, used, linked } }))
  const intent = { worker: 'w1', reason: null, since: '', until: null, deadline, by: null }
  return { ...newPicture('w1', makeEntry('http://w1:1')), report, intent }
}

test('what is left: ours and others, and how long that may take', () => {
  const ours = [
    { run: 'r_1', remainingMs: 100.4, isRepeated: true },
    { run: 'r_2', remainingMs: 900, isRepeated: false },
  ]
  const nothing = { running: 0, remaining: 0, deadline: null, exceeding: [], repeated: 0 }
  assert.deepEqual(drainOf(paint(0, 0), [], NOW), nothing)
  assert.deepEqual(drainOf(paint(2, 2), ours, NOW), {
    ...nothing,
    running: 2,
    remaining: 900,
    repeated: 1,
  })
  assert.equal(
    drainOf(paint(2, 2), [...ours, { run: 'r_3', remainingMs: undefined, isRepeated: false }], NOW).remaining,
    null,
  )
  const givenUp = drainOf(paint(1, 1), [], NOW)
  assert.deepEqual([givenUp.running, givenUp.remaining], [1, null], 'lost to us, and still there')
  const withOthers = drainOf(paint(5, 2), ours, NOW)
  assert.deepEqual([withOthers.running, withOthers.remaining], [5, null])
})

test('who exceeds the deadline: whoever is expected to, and everybody once it has passed', () => {
  const ours = [
    { run: 'r_1', remainingMs: 400, isRepeated: true },
    { run: 'r_2', remainingMs: 600, isRepeated: false },
    { run: 'r_3', remainingMs: undefined, isRepeated: false },
  ]
  const at = new Date(NOW + 500).toISOString()
  assert.deepEqual(drainOf(paint(3, 3, at), ours, NOW).exceeding, ['r_2'])
  assert.deepEqual(drainOf(paint(3, 3, at), ours, NOW + 500).exceeding, ['r_1', 'r_2', 'r_3'])
  const asIf = drainOf(paint(3, 3), ours, NOW, at)
  assert.deepEqual([asIf.exceeding, asIf.deadline], [['r_2'], at], 'a deadline that is only thought of')
  assert.deepEqual(drainOf(paint(3, 3, at), ours, NOW, null).exceeding, [])
})

test('is `draining` while something runs there, then `maintenance`', async (t) => {
  const { bench, link } = await setUpReady(t)
  link.state({ seq: 5, slots: busy })
  await until(() => bench.view()?.slots?.used === 3, 'the push')
  const wished = bench.fleet.setMaintenance('w1', { on: true, reason: 'disk', until: null, by: 'key' })
  assert.deepEqual(wished.ok && [wished.worker.status, wished.worker.reason], ['draining', 'disk'])
  assert.deepEqual(bench.view()?.maintenance?.owner, 'key')
  assert.equal(bench.workforce.facts.get('w1')?.isInService, false)
  // What runs there waits for something that it called, and has lent its slot.
  bench.workforce.attempts.set('w1', 1)
  link.state({ seq: 6, status: 'maintenance', slots: { ...busy, used: 0, linked: 0 } })
  await until(() => bench.view()?.slots?.used === 0, 'the push')
  assert.equal(bench.view()?.status, 'draining')
  bench.workforce.attempts.clear()
  await bench.status('maintenance')
})

test('past the deadline what runs is ended, once a link, and again on the next one', async (t) => {
  const { bench, worker, link } = await setUpReady(t)
  bench.workforce.attempts.set('w1', 2)
  const deadline = soon(60)
  bench.fleet.setMaintenance('w1', { on: true, reason: null, until: null, deadline })
  assert.equal(bench.workforce.count('empty w1 1000'), 0)
  assert.equal(bench.fleet.drain('w1')?.deadline, deadline)
  await bench.event('empty w1 1000')
  assert.equal(bench.fleet.drain('w1')?.exceeding.length, 2)
  assert.equal(bench.view()?.maintenance?.deadline, deadline)
  link.socket.terminate()
  await worker.welcomed(1)
  await until(() => bench.workforce.count('empty w1 1000') === 2, 'said again on the new link')
})

test('a deadline that is taken away ends nothing', async (t) => {
  const { bench, link } = await setUpReady(t)
  bench.fleet.setMaintenance('w1', { on: true, reason: null, until: null, deadline: soon(150) })
  bench.fleet.setMaintenance('w1', { on: true, reason: null, until: null })
  assert.equal(bench.fleet.drain('w1')?.deadline, null)
  // Pings are sent by the same sweep that would enforce it.
  const count = () => link.messages.filter(({ type }) => type === 'ping').length
  const enough = count() + 3
  await until(() => count() >= enough, 'sweeps past the deadline')
  assert.equal(bench.workforce.count('empty w1 1000'), 0)
})

test('a deadline that passed while the balancer was down is enforced at the first link', async (t) => {
  const since = '2026-01-01T00:00:00.000Z'
  const intent = { worker: 'w1', reason: null, since, until: null, deadline: since, by: 'key' }
  const { bench } = await setUpReady(t, {}, { contents: { intents: [intent] } })
  await bench.event('empty w1 1000')
})

test('a plan says what would be written and changes nothing', async (t) => {
  const { bench } = await setUpReady(t)
  const deadline = soon(60_000)
  const planned = bench.fleet.planMaintenance('w1', {
    on: true,
    reason: 'disk',
    until: null,
    deadline,
    by: 'key',
  })
  assert.ok(planned.ok)
  const [write] = planned.writes
  assert.ok(write?.kind === 'intent-set')
  assert.deepEqual(
    { ...write.intent, since: '' },
    { worker: 'w1', reason: 'disk', since: '', until: null, deadline, by: 'key' },
  )
  assert.deepEqual(planned.undo, [{ kind: 'intent-cleared', worker: 'w1' }])
  assert.equal(bench.view()?.maintenance, null)
  bench.fleet.setMaintenance('w1', { on: true, reason: 'old', until: null })
  const second = bench.fleet.planMaintenance('w1', { on: false, reason: null, until: null })
  assert.deepEqual(second.ok && second.undo, [{ kind: 'intent-set', intent: bench.fleet.intent('w1') }])
  assert.equal(bench.fleet.planMaintenance('w9', { on: true, reason: null, until: null }).ok, false)
})
