/** The choice by measured cost: fast workers first, ties by occupancy, unknown is the median, slow starts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FunctionTimes, ServiceTimes } from './service-times.ts'
import { TestScheduler, work } from './test-scheduler.ts'

/** Runs so many tasks one after another at one worker, each for so long. */
function measure(bench: TestScheduler, host: string, runMs: number, count = 20): void {
  for (let i = 0; i < count; i++) {
    const run = bench.submit({ tags: { host } })
    bench.start(run)
    bench.finish(run, { runMs })
  }
}

function benchOf(times: Record<string, number>, slots = 10): TestScheduler {
  const bench = new TestScheduler()
  for (const host of Object.keys(times)) bench.worker(host, { slots, tags: { host } })
  for (const [host, runMs] of Object.entries(times)) if (runMs > 0) measure(bench, host, runMs)
  bench.sent.length = 0
  return bench
}

const chosen = (bench: TestScheduler) => bench.sent.map(({ worker }) => worker)

test('the fastest free worker first, whatever its occupancy', () => {
  const bench = benchOf({ fast: 10, middle: 20, slow: 40 }, 2)
  bench.submitMany(6)
  assert.deepEqual(chosen(bench), ['fast', 'fast', 'middle', 'middle', 'slow', 'slow'])
})

test('within 10 % the least occupied, beyond it the cheapest', () => {
  const near = benchOf({ a: 100, b: 106 })
  near.submitMany(6)
  assert.equal(chosen(near).filter((worker) => worker === 'b').length, 3)
  const far = benchOf({ a: 100, b: 130 })
  far.submitMany(6)
  assert.deepEqual(new Set(chosen(far)), new Set(['a']))
})

test('relative occupancy alone until two workers have 20 samples each', () => {
  const bench = new TestScheduler()
  for (const host of ['fast', 'slow']) bench.worker(host, { tags: { host } })
  measure(bench, 'fast', 10)
  measure(bench, 'slow', 90, 19)
  bench.sent.length = 0
  const runs = bench.submitMany(4)
  assert.equal(chosen(bench).filter((worker) => worker === 'slow').length, 2)
  for (const run of runs) bench.finish(run, { outcome: 'cancelled' })
  measure(bench, 'slow', 90, 1)
  bench.sent.length = 0
  bench.submitMany(4)
  assert.deepEqual(new Set(chosen(bench)), new Set(['fast']))
})

test('a worker that has run none costs the median of the fleet', () => {
  const bench = benchOf({ fast: 10, middle: 50, slow: 90, fresh: 0 }, 1)
  bench.submitMany(4)
  const [first, second, third, last] = chosen(bench)
  assert.deepEqual([first, last], ['fast', 'slow'])
  assert.deepEqual([second, third].sort(), ['fresh', 'middle'])
})

test('a worker that was slow long ago is tried again', () => {
  const bench = benchOf({ a: 10, b: 10, c: 30 }, 4)
  bench.submitMany(2)
  assert.ok(!chosen(bench).includes('c'))
  bench.now += 10 * 60_000
  const runs = Array.from({ length: 12 }, () => {
    const run = bench.submit()
    bench.finish(run, { runMs: 10 })
    return run
  })
  assert.ok(runs.some((run) => bench.last(run).worker === 'c'))
})

test('slots that share cores: the measured slowdown spreads the tasks', () => {
  const bench = benchOf({ a: 0, b: 0 })
  for (let round = 0; round < 12; round++) {
    const runs = bench.submitMany(20)
    bench.start(...runs)
    for (const run of runs) bench.finish(run, { runMs: 20 * (1 + (bench.last(run).used > 5 ? 2 : 0)) })
  }
  bench.sent.length = 0
  bench.submitMany(10)
  assert.equal(chosen(bench).filter((worker) => worker === 'a').length, 5)
})

test('weight 0 stays last although it is the fastest', () => {
  const bench = new TestScheduler()
  bench.worker('main', { slots: 2, tags: { host: 'main' } })
  bench.worker('spare', { slots: 2, tags: { host: 'spare' }, weight: 0 })
  measure(bench, 'main', 50)
  measure(bench, 'spare', 5)
  bench.sent.length = 0
  bench.submitMany(3)
  assert.deepEqual(chosen(bench), ['main', 'main', 'spare'])
})

// --- Slow start ----------------------------------------------------------------------------------

test('a worker that joins a warm fleet gets a tenth of its share, more as it warms, all after 30 s', () => {
  const shareAfter = (ms: number) => {
    const bench = new TestScheduler()
    bench.worker('old', { slots: 100 })
    bench.advance(31_000)
    bench.worker('new', { slots: 100 })
    bench.advance(ms)
    // Time passes with the tasks: one look each.
    bench.submitMany(100)
    return chosen(bench).filter((worker) => worker === 'new').length
  }
  assert.ok(shareAfter(0) <= 11 && shareAfter(0) >= 8, `${shareAfter(0)} at first`)
  assert.ok(shareAfter(15_000) > 30 && shareAfter(15_000) < 40, `${shareAfter(15_000)} half way`)
  assert.equal(shareAfter(30_000), 50)
})

test('who starts with the fleet, or alone, does not start slowly; nothing waits for a slow start', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 10 })
  bench.advance(5_000)
  bench.worker('b', { slots: 10 })
  bench.submitMany(10)
  assert.equal(chosen(bench).filter((worker) => worker === 'b').length, 5)
  bench.advance(60_000)
  bench.worker('cold', { slots: 10 })
  bench.submitMany(20)
  assert.equal(bench.core.traffic().waiting, 0)
})

test('a worker that was lost and is back starts slowly', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b']) bench.worker(id, { slots: 10 })
  bench.advance(40_000)
  bench.core.troubled('b', 'unlinked', bench.now, bench.now)
  bench.advance(1_000)
  bench.core.relinked('b', [], bench.now)
  bench.submitMany(10)
  assert.ok(chosen(bench).filter((worker) => worker === 'b').length <= 1)
  bench.advance(30_000)
  bench.submitMany(8)
  assert.ok(chosen(bench).filter((worker) => worker === 'b').length >= 8)
})

// --- What is measured ----------------------------------------------------------------------------

test('uneven times take more samples to be believed', () => {
  const fleet = new FunctionTimes()
  const [steady, uneven, others] = [1, 2, 3].map(() => new ServiceTimes(fleet)) as [
    ServiceTimes,
    ServiceTimes,
    ServiceTimes,
  ]
  for (let i = 0; i < 20; i++) {
    steady.note(20, 0.5, 0)
    uneven.note(i % 10 === 0 ? 110 : 10, 0.5, 0)
    others.note(10, 0.5, 0)
  }
  assert.equal(fleet.medianMs, 20)
  assert.ok(Math.abs(steady.expectedMs(0.5) - 20) < 0.1)
  const far = new ServiceTimes(fleet)
  far.note(200, 0.5, 0)
  assert.ok(far.expectedMs(0.5) < 200, 'one sample is not the truth')
})

test('costs of a redeployed function are measured anew', () => {
  const bench = benchOf({ a: 10, b: 40 })
  bench.worker('a', { slots: 10, tags: { host: 'a' }, interfaceHash: 'two', functions: work() })
  bench.submitMany(4)
  assert.equal(chosen(bench).filter((worker) => worker === 'b').length, 2)
})

test('10,000 workers: a choice costs about as much as among 100', { timeout: 60_000 }, () => {
  const perTask = (count: number) => {
    const bench = new TestScheduler()
    for (let i = 0; i < count; i++) bench.worker(`w${i}`, { slots: 2 })
    const seen: string[] = []
    for (let round = 0; round < 25; round++) {
      const runs = bench.submitMany(200)
      bench.start(...runs)
      for (const run of runs) bench.finish(run, { runMs: 10 })
      bench.sent.length = 0
    }
    const startedAt = performance.now()
    for (let i = 0; i < 2_000; i++) seen.push(bench.submit())
    return (performance.now() - startedAt) / seen.length
  }
  perTask(1_000)
  const [few, many] = [perTask(1_000), perTask(10_000)]
  assert.ok(many < 8 * few + 0.02, `${few} ms among 1,000, ${many} ms among 10,000`)
})

test('told not to compare speed, the least occupied is chosen whatever was measured', () => {
  const bench = new TestScheduler({ comparesSpeed: false })
  for (const host of ['fast', 'slow']) bench.worker(host, { tags: { host } })
  measure(bench, 'fast', 10)
  measure(bench, 'slow', 90)
  bench.sent.length = 0
  bench.submitMany(4)
  assert.equal(chosen(bench).filter((worker) => worker === 'slow').length, 2)
})
