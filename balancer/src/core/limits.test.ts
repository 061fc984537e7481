/** Concurrency, rate and pause of functions, groups and fairness keys; the port and the scheduler. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryLimits } from './limits.ts'
import { TestScheduler } from './test-scheduler.ts'

const facts = { slots: 1, idempotent: null, maxRetries: 0 }
const functions = new Map([
  ['work', facts],
  ['other', facts],
])
const group = 'default'

function bench(): TestScheduler {
  const made = new TestScheduler()
  for (const id of ['a', 'b']) made.worker(id, { slots: 10, functions })
  return made
}

test('concurrency of a function: no more at once, the next when one ends, others are not held', () => {
  const b = bench()
  b.core.setLimits({ group, function: 'work' }, { concurrency: 3 }, 0)
  const runs = b.submitMany(5)
  assert.equal(b.sent.length, 3)
  assert.deepEqual(b.core.limits({ group, function: 'work' }, 0).concurrency, { used: 3, limit: 3 })
  b.submitMany(2, { function: 'other' })
  assert.equal(b.sent.length, 5)
  b.finish(runs[0] as string)
  assert.equal(b.sends(runs[3] as string), 1)
  b.core.setLimits({ group, function: 'work' }, {}, 0)
  assert.equal(b.sends(runs[4] as string), 1, 'a limit taken away lets them go')
})

test('concurrency of a group holds over its functions, wherever the slot was', () => {
  const b = new TestScheduler()
  b.worker('a', { slots: 4, functions: new Map([['work', facts]]) })
  b.worker('b', { slots: 4, functions: new Map([['other', facts]]), interfaceHash: 'two' })
  b.core.setLimits({ group }, { concurrency: 2 }, 0)
  const first = b.submitMany(2)
  const waiting = b.submit({ function: 'other' })
  assert.equal(b.sends(waiting), 0)
  b.finish(first[0] as string)
  assert.equal(b.sends(waiting), 1)
})

test('rate: so many starts in a stretch, the rest as it refills', () => {
  const b = bench()
  b.core.setLimits({ group, function: 'work' }, { rate: { limit: 5, perMs: 1_000 } }, 0)
  b.submitMany(12)
  assert.equal(b.sent.length, 5)
  b.advance(200)
  assert.equal(b.sent.length, 6)
  b.advance(800)
  assert.equal(b.sent.length, 10)
  assert.deepEqual(b.core.limits({ group, function: 'work' }, b.now).rate, {
    used: 5,
    limit: 5,
    perMs: 1_000,
  })
})

test('paused: sync is refused with the reason and when to return, durable waits, until it ends by itself', () => {
  const b = bench()
  b.core.setLimits({ group, function: 'work' }, { paused: { untilAt: 5_000, reason: 'migration' } }, 0)
  const refusal = b.refusal()
  assert.deepEqual([refusal.code, refusal.retryAfterMs], ['PAUSED', 5_000])
  assert.match(refusal.detail, /migration/)
  const run = b.submit({ mode: 'async', isDurable: true })
  assert.equal(b.sends(run), 0)
  assert.equal(b.sends(b.submit({ function: 'other' })), 1)
  b.advance(5_000)
  assert.equal(b.sends(run), 1)
  assert.equal(b.sends(b.submit()), 1)
})

test('a fairness key that is paused or at its limit holds nobody else of its lane', () => {
  const b = bench()
  b.core.setLimits({ group, fairnessKey: 'k' }, { concurrency: 1 }, 0)
  const held = b.submitMany(3, { fairnessKey: 'k', priority: 1 })
  assert.deepEqual(
    held.map((run) => b.sends(run)),
    [1, 0, 0],
  )
  assert.equal(b.sends(b.submit({ fairnessKey: 'l' })), 1)
  b.finish(held[0] as string)
  assert.deepEqual(
    held.map((run) => b.sends(run)),
    [1, 1, 0],
  )
})

test('twice the weight is twice the share', () => {
  const b = new TestScheduler()
  b.worker('w', { slots: 1 })
  b.core.setLimits({ group, fairnessKey: 'heavy' }, { weight: 2 }, 0)
  b.start(b.submit({ run: 'x' }))
  for (const fairnessKey of ['heavy', 'light'])
    for (let i = 0; i < 40; i++) b.submit({ run: `${fairnessKey}${i}`, fairnessKey })
  for (let i = 0; i < 31; i++) {
    const run = b.order.at(-1) as string
    if (i > 0) b.start(run)
    b.now += 10
    b.finish(run, { runMs: 10 })
  }
  const heavy = b.order.filter((run) => run.startsWith('heavy')).length
  assert.ok(Math.abs(heavy - 20) <= 2, `${heavy} of 31`)
})

test('the contract that an operator set is that of tasks that name none', () => {
  const b = new TestScheduler()
  b.worker('one', { contract: 1 })
  b.worker('two', { contract: 2, slots: 20 })
  assert.equal(b.last(b.submit()).contract, 2)
  b.core.setLimits({ group }, { defaultContract: 1 }, 0)
  assert.equal(b.last(b.submit()).contract, 1)
})

test('the port: permits that nobody gives back return at their instant', () => {
  const limits = new MemoryLimits()
  limits.set('k', { concurrency: 4 }, 0)
  assert.equal(limits.take('k', 3, 100, 0), 3)
  assert.equal(limits.take('k', 3, 100, 0), 1)
  assert.equal(limits.openAt('k', 50), Number.POSITIVE_INFINITY)
  assert.equal(limits.openAt('k', 100), 100)
  assert.equal(limits.take('k', 9, Number.POSITIVE_INFINITY, 100), 4)
  limits.give('k', 2)
  assert.deepEqual(limits.facts('k', 100).concurrency, { used: 2, limit: 4 })
})
