/** Two hundred worlds, each with its own fleet, load and faults: nothing may be wrong in any. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drawArrivals, idealMean, runCell } from './cell.ts'
import { allowedExecutions } from './checkers.ts'
import { describe, simulate } from './simulate.ts'

const SEEDS = 200
const TASKS = 2_000
const GROUP = 25

for (let from = 1; from <= SEEDS; from += GROUP) {
  test(`seeds ${from} to ${from + GROUP - 1}`, () => {
    let executions = 0
    for (let seed = from; seed < from + GROUP; seed++) {
      const verdict = simulate(seed, TASKS)
      assert.equal(verdict.violations.length, 0, describe(verdict))
      executions += verdict.executions
    }
    assert.ok(executions > (GROUP * TASKS) / 2, `only ${executions} of ${GROUP * TASKS} tasks ran`)
  })
}

// A task that had become old in the line of a worker was passed over for as long as that worker took.
test('seeds in which somebody became old at a worker', () => {
  for (const seed of [509, 604, 758]) {
    const verdict = simulate(seed, TASKS)
    assert.equal(verdict.violations.length, 0, describe(verdict))
  }
})

test('equal seeds give equal runs', () => {
  const [first, second] = [simulate(11, 500), simulate(11, 500)]
  assert.deepEqual(first, second)
  assert.notEqual(simulate(12, 500).events, first.events)
})

test('the seeds between them have every kind of fault, and none at all', () => {
  const seen = new Set<string>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { scenario } = simulate(seed, 1)
    for (const kind of scenario.faults.kinds) seen.add(kind)
    if (scenario.faults.kinds.length === 0) seen.add('none')
    if (scenario.isThroughCodec) seen.add('codec')
  }
  assert.deepEqual([...seen].sort(), [
    'codec',
    'crash',
    'cut',
    'freeze',
    'join',
    'leave',
    'maintenance',
    'none',
  ])
})

test('equal workers at load 0.9 are within 3 % of an ideal queue with the same tasks', () => {
  for (const law of ['exp', 'bimodal'] as const) {
    const { real, ideal } = runCell({ load: 0.9, law, seed: 2, tasks: 15_000 })
    assert.ok(real.meanMs <= 1.03 * ideal.meanMs, `${law}: ${real.meanMs} of ${ideal.meanMs}`)
    assert.ok(real.p99Ms <= 1.03 * ideal.p99Ms, `${law}: p99 ${real.p99Ms} of ${ideal.p99Ms}`)
  }
})

test('unequal workers: near the fastest free slot first, far from the least occupied', () => {
  const speeds = Array.from({ length: 10 }, (_, index) => 1 + index / 3)
  const { real, ideal } = runCell({ load: 0.5, speeds, seed: 2, tasks: 15_000 })
  assert.ok(real.meanMs <= 1.12 * ideal.meanMs, `${real.meanMs} of ${ideal.meanMs}`)
})

test('the ideal queue agrees with Erlang C', () => {
  // 10 servers at load 0.8: the probability of waiting is 0.4092, the mean wait 0.2046 services.
  const arrivals = drawArrivals(3, 400_000, 10 / 8, 'exp', 10)
  assert.ok(Math.abs(idealMean(arrivals, 10) / 12.046 - 1) < 0.02)
})

test('the table of repeats, read anew by the checker', () => {
  const allowed = (submission: object, facts: object) =>
    allowedExecutions({ submission, facts: { maxRetries: 0, idempotent: null, ...facts } } as never)
  assert.equal(allowed({ mode: 'sync' }, {}), 1)
  assert.equal(allowed({ mode: 'sync' }, { maxRetries: 1 }), 2)
  assert.equal(allowed({ mode: 'sync', attempts: 4 }, {}), 4)
  assert.equal(allowed({ mode: 'sync', idempotent: true }, {}), 3)
  assert.equal(allowed({ mode: 'async' }, {}), 3)
  assert.equal(allowed({ mode: 'async' }, { idempotent: false }), 1)
  assert.equal(allowed({ mode: 'sync', attempts: 1, idempotent: true }, {}), 1)
})
