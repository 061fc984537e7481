/** Durable runs: the window on the disk, and ends that count only when they are on disk. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WINDOW } from './disk-window.ts'
import { type Asked, TestScheduler, work } from './test-scheduler.ts'

const durable: Asked = { mode: 'async', isDurable: true }
const LANE = 'default\n1\nwork\n'

test('a lane holds 1,000 durable runs; the rest stays on disk, and is asked for when half is served', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const runs = bench.submitMany(WINDOW + 2, durable)
  assert.equal(bench.core.traffic().waiting, WINDOW)
  const onDisk = runs.at(-1) as string
  for (let i = 0; i < WINDOW / 2; i++) bench.finish(runs[i] as string)
  assert.equal(bench.claims.length, 0)
  bench.finish(runs[WINDOW / 2] as string)
  assert.deepEqual(bench.claims, [{ lane: LANE, count: WINDOW / 2 }])
  bench.finish(runs[WINDOW / 2 + 1] as string)
  assert.equal(bench.claims.length, 1, 'one claim at a time')
  bench.core.claimed(LANE, [bench.submission({ ...durable, run: onDisk })], false, bench.now)
  for (const run of runs.slice(WINDOW / 2 + 2, -1)) bench.finish(run)
  assert.equal(bench.sends(onDisk), 1)
  assert.equal(bench.core.traffic().waiting, 0)
  assert.equal(bench.claims.length, 1)
})

test('a more urgent arrival pushes the last one back; a less urgent one goes to disk', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const runs = bench.submitMany(WINDOW + 1, durable)
  const last = runs.at(-1) as string
  const urgent = bench.submit({ ...durable, priority: 1 })
  assert.equal(bench.core.traffic().waiting, WINDOW)
  assert.equal(bench.core.cancel(last, 'operator', 0), false, 'the store has it now, not the core')
  bench.submit({ ...durable, priority: 200 })
  assert.equal(bench.core.traffic().waiting, WINDOW)
  bench.finish(runs[0] as string)
  assert.equal(bench.order.at(-1), urgent)
})

test('nobody overtakes what is on disk: a new run joins it there though the window has room', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const runs = bench.submitMany(WINDOW + 2, durable)
  for (const run of runs.slice(0, 3)) bench.finish(run)
  const late = bench.submit(durable)
  assert.equal(bench.core.cancel(late, 'operator', 0), false)
  const urgent = bench.submit({ ...durable, priority: 1 })
  assert.equal(bench.core.cancel(urgent, 'operator', 0), true)
})

test('tasks in memory do not take the window’s room', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.submitMany(WINDOW + 500)
  const run = bench.submit({ ...durable, priority: 50 })
  bench.finish(bench.order[0] as string)
  assert.equal(bench.order.at(-1), run)
})

test('runs that are here already, or whose end is being written, are not taken twice', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const [ended, waiting] = bench.submitMany(2, durable) as [string, string]
  bench.finish(ended)
  const again = [ended, waiting].map((run) => bench.submission({ ...durable, run }))
  bench.core.claimed(LANE, again, false, 0)
  bench.core.persisted([ended])
  assert.deepEqual([bench.sends(ended), bench.sends(waiting)], [1, 1])
  assert.equal(bench.core.traffic().submitted, 2)
})

test('a run that nobody serves any more waits until somebody does', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const gone = { ...durable, run: 'r_x', function: 'gone', contract: 1 }
  bench.core.claimed(LANE, [bench.submission(gone)], false, 0)
  assert.deepEqual([bench.finals, bench.core.traffic().waiting], [[], 1])
  const functions = new Map([['gone', { slots: 1, idempotent: null, maxRetries: 0 }]])
  bench.worker('b', { slots: 1, functions, interfaceHash: 'two' })
  assert.equal(bench.last('r_x').worker, 'b')
})

test('a lane with a selector is kept while it has runs on disk', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, tags: { zone: 'eu' } })
  const asked: Asked = { ...durable, tags: { zone: 'eu' } }
  const runs = bench.submitMany(WINDOW + 2, asked)
  for (const run of runs.slice(0, WINDOW + 1)) bench.finish(run)
  assert.equal(bench.claims.length, 1)
  const { lane } = bench.claims[0] as { lane: string }
  const onDisk = runs.at(-1) as string
  bench.core.claimed(lane, [bench.submission({ ...asked, run: onDisk })], true, 0)
  assert.equal(bench.sends(onDisk), 1)
  assert.equal(bench.claims.length, 2, 'there is more, and room for it')
  bench.core.claimed(lane, [], true, 0)
  assert.equal(bench.claims.length, 2, 'an empty answer is not asked for again')
})

// --- Ends ----------------------------------------------------------------------------------------

test('the caller hears of an end, and the worker may forget it, only when it is on disk', () => {
  const bench = new TestScheduler()
  bench.worker('a')
  const run = bench.submit(durable)
  const { attemptId: attempt, fence } = bench.last(run)
  bench.start(run)
  bench.finish(run)
  assert.deepEqual(bench.finals, [{ run, fence, status: 'completed' }])
  assert.deepEqual([bench.end(run), bench.acknowledged], [undefined, []])
  assert.equal(bench.core.attemptsAt('a'), 0, 'the slot is free at once')
  bench.core.persisted([run, 'r_other'])
  assert.equal(bench.verdict(run), 'completed')
  assert.deepEqual(bench.acknowledged, [{ worker: 'a', attempt, fence }])
  bench.core.persisted([run])
  assert.equal(bench.acknowledged.length, 1)
})

test('each end has its status on disk', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 2 })
  const failed = bench.submit(durable)
  const cancelled = bench.submit(durable)
  const expired = bench.submit({ ...durable, deadlineAt: 100 })
  bench.fail(failed)
  assert.equal(bench.sends(expired), 1)
  bench.core.cancel(cancelled, 'operator', 0)
  const waiting = bench.submit({ ...durable, deadlineAt: 50 })
  bench.advance(100)
  const statuses = Object.fromEntries(bench.finals.map(({ run, status }) => [run, status]))
  assert.deepEqual(statuses, {
    [failed]: 'failed',
    [cancelled]: 'cancelled',
    [waiting]: 'expired',
    [expired]: 'expired',
  })
})

test('a worker may forget what did not become the end: a failed attempt once that is on disk, a cancelled one at once', () => {
  const bench = new TestScheduler()
  bench.worker('a', { functions: work({ maxRetries: 1 }) })
  const run = bench.submit(durable)
  const first = bench.last(run)
  bench.start(run)
  bench.fail(run)
  const over = { worker: 'a', attempt: first.attemptId, fence: first.fence }
  assert.deepEqual([bench.over, bench.acknowledged], [[{ run, ...over }], []], 'it is not on disk yet')
  bench.core.noted('a', first.attemptId, first.fence)
  assert.deepEqual(bench.acknowledged, [over])
  bench.advance(1_000)
  const second = bench.last(run)
  bench.start(run)
  bench.core.cancel(run, 'operator', bench.now)
  bench.core.persisted([run])
  assert.equal(bench.acknowledged.length, 1, 'it has not ended there yet')
  bench.finish(run, { outcome: 'cancelled' })
  assert.deepEqual(bench.acknowledged[1], { worker: 'a', attempt: second.attemptId, fence: second.fence })
})

test('durable runs wait where memory tasks are refused', () => {
  const bench = new TestScheduler({ limits: { tasksPerLane: 1, bytes: 10 } })
  bench.worker('a', { slots: 1 })
  bench.submitMany(3, { ...durable, bytes: 100 })
  assert.equal(bench.core.traffic().waiting, 2)
  bench.worker('a', { slots: 1, isInService: false, outReason: 'in maintenance' })
  const accepted = bench.submit(durable)
  assert.equal(bench.end(accepted), undefined)
  assert.equal(bench.refusal().code, 'NO_CAPACITY')
})

test('a draining balancer leaves durable runs to their workers', () => {
  const bench = new TestScheduler()
  bench.worker('a')
  const run = bench.submit(durable)
  bench.core.drain()
  bench.core.abandonCallers(0)
  assert.deepEqual([bench.end(run), bench.cancelled], [undefined, []])
})
