/** The time after a start, until every listed worker has answered or failed once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestScheduler, work } from './test-scheduler.ts'

const starting = (limits = { tasksPerLane: 10, bytes: 1_000 }) =>
  new TestScheduler({ isStarting: true, limits })

test('tasks wait for a fleet that has not answered yet, and are served as soon as it has slots', () => {
  const bench = starting()
  const run = bench.submit()
  assert.deepEqual([bench.end(run), bench.core.traffic().waiting], [undefined, 1])
  bench.worker('a', { slots: 0 })
  assert.equal(bench.sent.length, 0, 'linked, slots unknown')
  bench.core.pushed('a', 1, 0, 0)
  assert.deepEqual(bench.order, [run])
  assert.equal(bench.core.traffic().waiting, 0)
})

test('the most urgent leaves the lobby first', () => {
  const bench = starting()
  const [late, urgent] = [bench.submit({ priority: 200 }), bench.submit({ priority: 1 })]
  bench.worker('a', { slots: 1 })
  assert.deepEqual(bench.order, [urgent])
  bench.finish(urgent)
  assert.deepEqual(bench.order, [urgent, late])
})

test('once settled, the lobby is emptied: to a line, or with the refusal that fits', () => {
  const bench = starting()
  bench.worker('a', { slots: 1 })
  bench.worker('b', { isInService: false, outReason: 'unreachable', tags: { gpu: 'x' } })
  const runs = [
    bench.submit(),
    bench.submit(),
    bench.submit({ function: 'nothing' }),
    bench.submit({ tags: { gpu: 'x' } }),
  ]
  assert.deepEqual(
    runs.map((run) => bench.verdict(run)),
    [undefined, undefined, undefined, undefined],
  )
  bench.core.settleFleet(0)
  assert.deepEqual(
    runs.map((run) => bench.verdict(run)),
    [undefined, undefined, 'UNKNOWN_FUNCTION', 'NO_CAPACITY'],
  )
  assert.equal(bench.core.traffic().waiting, 1)
  assert.equal(bench.refusal({ function: 'nothing' }).code, 'UNKNOWN_FUNCTION')
})

test('a durable run stays when nobody is in service, and goes when somebody comes', () => {
  const bench = starting()
  bench.worker('a', { isInService: false, outReason: 'unreachable' })
  const run = bench.submit({ isDurable: true, mode: 'async' })
  bench.core.settleFleet(0)
  assert.equal(bench.end(run), undefined)
  bench.worker('a')
  assert.equal(bench.sends(run), 1)
})

test('a function too wide for those who answered waits for those who have not', () => {
  const bench = starting()
  bench.worker('small', { slots: 1, functions: work({ slots: 2 }) })
  const run = bench.submit()
  bench.worker('large', { slots: 2, functions: work({ slots: 2 }) })
  assert.equal(bench.last(run).worker, 'large')
})

test('the lobby is bounded by tasks and by bytes', () => {
  const bench = starting({ tasksPerLane: 3, bytes: 1_000 })
  bench.submit({ bytes: 900 })
  assert.equal(bench.refusal({ bytes: 101 }).code, 'QUEUE_FULL')
  bench.submitMany(2)
  const refusal = bench.refusal()
  assert.equal(refusal.code, 'QUEUE_FULL')
  assert.ok((refusal.retryAfterMs ?? 0) > 0)
})

test('in the lobby, too, a task is cancelled, overdue, and given up by the queue limit', () => {
  const bench = starting()
  const cancelled = bench.submit()
  const overdue = bench.submit({ deadlineAt: 100 })
  const impatient = bench.submit({ queueUntilAt: 50 })
  assert.equal(bench.core.cancel(cancelled, 'caller', 0), true)
  bench.advance(200)
  assert.deepEqual(
    [cancelled, overdue, impatient].map((run) => bench.verdict(run)),
    ['CANCELLED', 'TIMEOUT', 'TIMEOUT'],
  )
  assert.equal(bench.core.traffic().waiting, 0)
  bench.worker('a')
  assert.equal(bench.sent.length, 0)
})
