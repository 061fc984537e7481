/** What keeps repeats from doing harm: the budget of a lane, and the end of a task that kills workers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestScheduler, work } from './test-scheduler.ts'

test('repeats of failures are a fifth of the lane at most, three at least; the others end as they failed', () => {
  const few = new TestScheduler()
  few.worker('w', { slots: 10, functions: work({ maxRetries: 5 }) })
  const five = few.submitMany(5)
  for (const run of five) few.fail(run)
  assert.deepEqual(
    five.map((run) => few.verdict(run)),
    [undefined, undefined, undefined, 'FUNCTION_FAILED', 'FUNCTION_FAILED'],
  )
  const many = new TestScheduler()
  many.worker('w', { slots: 200, functions: work({ maxRetries: 5 }) })
  const runs = many.submitMany(100)
  for (const run of runs.slice(0, 50)) many.fail(run)
  const repeated = runs.slice(0, 50).filter((run) => many.verdict(run) === undefined).length
  assert.ok(repeated >= 14 && repeated <= 20, `${repeated} are repeated`)
})

test('a dependency that is down is asked at most 1.2 times as often', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 50, functions: work({ maxRetries: 3 }) })
  for (let i = 0; i < 600; i++) {
    bench.submit()
    for (const { run } of bench.sent.slice(-5)) if (bench.end(run) === undefined) bench.fail(run)
    bench.advance(2)
  }
  assert.ok(bench.sent.length <= 1.2 * 600, `${bench.sent.length} sends`)
})

test('the budget is free again when a repeated task ends', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 10, functions: work({ maxRetries: 5 }) })
  const runs = bench.submitMany(3)
  for (const run of runs) bench.fail(run)
  bench.advance(1_000)
  for (const run of runs) bench.finish(run)
  const next = bench.submitMany(3)
  for (const run of next) bench.fail(run)
  assert.deepEqual(
    next.map((run) => bench.verdict(run)),
    [undefined, undefined, undefined],
  )
})

test('a durable run waits for its repeat, whatever the budget', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 10, functions: work({ maxRetries: 5 }) })
  const runs = bench.submitMany(6, { mode: 'async', isDurable: true })
  for (const run of runs) bench.fail(run)
  assert.equal(bench.finals.length, 0)
})

test('the task that three workers died with is poisoned, however many attempts it has', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b', 'c', 'd']) bench.worker(id, { slots: 1, functions: work({ idempotent: true }) })
  const run = bench.submit({ attempts: 10 })
  for (let i = 0; i < 3; i++) {
    assert.equal(bench.verdict(run), undefined)
    bench.start(run)
    bench.now += 1
    bench.core.workerGone(bench.last(run).worker, bench.now)
  }
  assert.equal(bench.verdict(run), 'POISONED')
  assert.equal(bench.sends(run), 3)
  assert.match(bench.detail(run), /3 workers were lost/)
})

test('with fewer attempts it is lost before that', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b', 'c']) bench.worker(id, { slots: 1, functions: work({ idempotent: true }) })
  const run = bench.submit({ attempts: 2 })
  for (let i = 0; i < 2; i++) {
    bench.start(run)
    bench.core.workerGone(bench.last(run).worker, bench.now)
  }
  assert.equal(bench.verdict(run), 'WORKER_LOST')
})
