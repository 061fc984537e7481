/** Concurrency, rate and pause of functions, groups and fairness keys; the port and the scheduler. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FairGroup } from './fairness.ts'
import { MemoryLimits } from './limits.ts'
import { seededRandom, TestScheduler } from './test-scheduler.ts'

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

test('rate: so many starts in any stretch, the rest as the first of them pass', () => {
  const b = bench()
  const rate = { limit: 5, perMs: 1_000 }
  b.core.setLimits({ group, function: 'work' }, { rate }, 0)
  b.submitMany(3)
  b.advance(600)
  b.submitMany(9)
  assert.equal(b.sent.length, 5)
  b.advance(399)
  assert.equal(b.sent.length, 5)
  b.advance(1)
  assert.equal(b.sent.length, 8)
  assert.deepEqual(b.core.limits({ group, function: 'work' }, b.now).rate, { used: 5, ...rate })
  b.advance(600)
  assert.equal(b.sent.length, 10)
  b.advance(400)
  assert.equal(b.sent.length, 12)
})

test('rate: no stretch of its length holds more starts, whatever their distances', () => {
  const limits = new MemoryLimits()
  const rate = { limit: 20, perMs: 1_000 }
  limits.set('k', { rate })
  const random = seededRandom(7)
  const starts: number[] = []
  for (let now = 0; now < 20_000; now = Math.max(now + random() * 0.6, limits.openAt('k', now)))
    for (let i = limits.take('k', 2, Number.POSITIVE_INFINITY, now); i > 0; i--) starts.push(now)
  for (const [i, at] of starts.entries())
    assert.ok((starts[i + 20] ?? Number.POSITIVE_INFINITY) - at >= 1_000)
  assert.ok(starts.length > 390, `${starts.length} starts of 400`)
})

test('rate: a limit that is lowered counts what has started, and opens when enough of it has passed', () => {
  const limits = new MemoryLimits()
  limits.set('k', { rate: { limit: 4, perMs: 100 } })
  for (const now of [0, 10, 20, 30]) limits.take('k', 1, Number.POSITIVE_INFINITY, now)
  limits.set('k', { rate: { limit: 2, perMs: 100 } })
  assert.equal(limits.openAt('k', 40), 120)
  assert.equal(limits.take('k', 1, Number.POSITIVE_INFINITY, 119), 0)
  assert.equal(limits.take('k', 5, Number.POSITIVE_INFINITY, 120), 1)
})

test('what runs already counts from the moment a limit is set, and after it was lifted and set again', () => {
  const b = bench()
  const target = { group, function: 'work' }
  const runs = b.submitMany(6)
  b.core.setLimits(target, { concurrency: 5 }, 0)
  assert.deepEqual(b.core.limits(target, 0).concurrency, { used: 6, limit: 5 })
  const waiting = b.submit()
  b.finish(runs[0] as string)
  assert.equal(b.sends(waiting), 0)
  b.core.setLimits(target, {}, 0)
  assert.equal(b.sends(waiting), 1)
  b.core.setLimits(target, { concurrency: 5 }, 0)
  assert.equal(b.core.limits(target, 0).concurrency.used, 6)
  for (const run of [...runs.slice(1), waiting]) b.finish(run)
  assert.equal(b.core.limits(target, 0).concurrency.used, 0)
})

test('a pause takes back what waits at a worker, and only that', () => {
  const b = new TestScheduler()
  b.worker('a', { slots: 2, functions })
  b.teach('a', 10, 20)
  const runs = b.submitMany(5)
  const ahead = b.sent.filter(({ isAhead }) => isAhead)
  assert.ok(ahead.length > 0)
  b.core.setLimits({ group, function: 'other' }, { paused: {} }, b.now)
  assert.equal(b.recalled.length, 0)
  b.core.setLimits({ group, function: 'work' }, { paused: {} }, b.now)
  assert.deepEqual(
    b.recalled.map(({ attempt }) => attempt),
    ahead.map(({ attemptId }) => attemptId),
  )
  for (const { run } of ahead) b.giveBack(run)
  const before = b.sent.length
  for (const run of runs.slice(0, 2)) b.finish(run)
  assert.equal(b.sent.length, before)
})

test('the end of a pause fills every worker', () => {
  const b = new TestScheduler()
  for (const id of ['a', 'b', 'c']) b.worker(id, { slots: 2 })
  const runs = b.submitMany(12)
  b.core.setLimits({ group }, { paused: { untilAt: 500 } }, 0)
  for (const run of runs.slice(0, 6)) b.finish(run)
  assert.equal(b.sent.length, 6, 'nothing new while paused')
  b.advance(500)
  assert.equal(b.sent.length, 12)
  assert.deepEqual(new Set(b.sent.slice(6).map(({ worker }) => worker)), new Set(['a', 'b', 'c']))
})

test('a fairness key within one function: its limit and weight go before those of the group', () => {
  const b = bench()
  b.core.setLimits({ group, function: 'work', fairnessKey: 'k' }, { concurrency: 1 }, 0)
  assert.deepEqual(
    b.submitMany(2, { fairnessKey: 'k' }).map((run) => b.sends(run)),
    [1, 0],
  )
  assert.equal(b.sends(b.submit({ fairnessKey: 'k', function: 'other' })), 1)
  const flow = new FairGroup().flow('k')
  flow.setWeight('', 2)
  flow.setWeight('work', 5)
  assert.deepEqual([flow.weightFor('work'), flow.weightFor('other')], [5, 2])
  flow.setWeight('work', undefined)
  assert.equal(flow.weightFor('work'), 2)
})

test('paused: sync is refused with the reason and when to return, durable waits, until it ends by itself', () => {
  const b = bench()
  b.core.setLimits({ group, function: 'work' }, { paused: { untilAt: 5_000, reason: 'migration' } }, 0)
  const refusal = b.refusal()
  assert.deepEqual([refusal.code, refusal.retryAfterMs], ['PAUSED', 5_000])
  assert.match(refusal.detail, /migration/)
  assert.doesNotMatch(refusal.detail, /async/, 'which this version refuses')
  const run = b.submit({ mode: 'async', isDurable: true })
  assert.equal(b.sends(run), 0)
  assert.equal(b.sends(b.submit({ function: 'other' })), 1)
  b.advance(5_000)
  assert.equal(b.sends(run), 1)
  assert.equal(b.sends(b.submit()), 1)
})

test('a pause of a fairness key names the key, that of the function names none', () => {
  const b = bench()
  b.core.setLimits({ group, fairnessKey: 'k' }, { paused: {} }, 0)
  assert.match(b.refusal({ fairnessKey: 'k' }).detail, /fairness key "k"/)
  assert.equal(b.sends(b.submit({ fairnessKey: 'j' })), 1)
  b.core.setLimits({ group, function: 'work' }, { paused: {} }, 0)
  assert.doesNotMatch(b.refusal({ fairnessKey: 'j' }).detail, /fairness key/)
})

test('of several pauses the one that ends last tells when to return', () => {
  const b = bench()
  b.core.setLimits({ group }, { paused: { untilAt: 2_000, reason: 'short' } }, 0)
  b.core.setLimits({ group, fairnessKey: 'k' }, { paused: { untilAt: 9_000, reason: 'long' } }, 0)
  b.core.setLimits({ group, function: 'work' }, { paused: { untilAt: 5_000, reason: 'middle' } }, 0)
  assert.equal(b.refusal().retryAfterMs, 5_000)
  const refusal = b.refusal({ fairnessKey: 'k' })
  assert.equal(refusal.retryAfterMs, 9_000)
  assert.match(refusal.detail, /long/)
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
  b.core.setLimits({ group, function: 'work' }, { defaultContract: 2 }, 0)
  assert.equal(b.last(b.submit()).contract, 2)
  b.core.setLimits({ group, function: 'work' }, {}, 0)
  assert.equal(b.last(b.submit()).contract, 1)
})

test('the port: permits that nobody gives back return at their instant', () => {
  const limits = new MemoryLimits()
  limits.set('k', { concurrency: 4 })
  assert.equal(limits.take('k', 3, 100, 0), 3)
  assert.equal(limits.take('k', 3, 100, 0), 1)
  assert.equal(limits.openAt('k', 50), Number.POSITIVE_INFINITY)
  assert.equal(limits.openAt('k', 100), 100)
  assert.equal(limits.take('k', 9, Number.POSITIVE_INFINITY, 100), 4)
  limits.give('k', 2)
  assert.deepEqual(limits.facts('k', 100).concurrency, { used: 2, limit: 4 })
})

test('a permit that comes back with a lost worker goes to who waits, though nobody else says a word', () => {
  const b = bench()
  b.core.setLimits({ group, function: 'work' }, { concurrency: 1 }, 0)
  const [first, second] = b.submitMany(2) as [string, string]
  b.start(first)
  b.core.workerGone(b.last(first).worker, b.now)
  b.advance(0)
  assert.equal(b.verdict(first), 'WORKER_LOST')
  assert.equal(b.sends(second), 1)
})

test('a task that lets another go first does not slip through the limit that this one has filled', () => {
  const b = new TestScheduler()
  b.worker('a', { slots: 1, functions })
  b.core.setLimits({ group }, { concurrency: 1 }, 0)
  const late = b.submit()
  const urgent = b.submit({ function: 'other', priority: 1 })
  b.worker('b', { slots: 2, functions })
  b.busy(late)
  assert.deepEqual(b.order, [late, urgent])
  assert.equal(b.core.limits({ group }, 0).concurrency.used, 1)
  b.finish(urgent)
  assert.equal(b.sends(late), 2)
})

test('who waits for the fleet to come up stays through a pause', () => {
  const b = new TestScheduler({ isStarting: true })
  const waiting = b.submit()
  b.core.setLimits({ group }, { paused: {} }, 0)
  b.worker('a')
  b.core.settleFleet(0)
  assert.equal(b.end(waiting), undefined)
  b.core.setLimits({ group }, {}, 0)
  assert.equal(b.sends(waiting), 1)
})

test('a thousand keys at once, set while ten thousand tasks run', () => {
  const b = new TestScheduler()
  b.worker('a', { slots: 10_000 })
  for (let i = 0; i < 10_000; i++) b.submit({ fairnessKey: `k${i % 1_000}` })
  const before = process.cpuUsage()
  for (let i = 0; i < 1_000; i++) b.core.setLimits({ group, fairnessKey: `k${i}` }, { concurrency: 5 }, 0)
  const { user, system } = process.cpuUsage(before)
  assert.deepEqual(b.core.limits({ group, fairnessKey: 'k7' }, 0).concurrency, { used: 10, limit: 5 })
  assert.ok((user + system) / 1_000 < 2_000, `${(user + system) / 1_000} ms`)
})

test('rate: nothing is sent ahead under one, so that nothing starts too early behind a long task', () => {
  const b = new TestScheduler()
  b.worker('a', { slots: 1, functions })
  for (const name of ['work', 'other']) b.teach('a', 100, 100, { function: name })
  b.core.setLimits({ group, function: 'work' }, { rate: { limit: 1, perMs: 1_000 } }, b.now)
  b.advance(2_000)
  const long = b.submit({ function: 'other' })
  b.start(long)
  const runs = b.submitMany(3) as [string, string, string]
  assert.equal(b.core.explainDry(b.submission(), b.now).worker, undefined)
  const later = b.submitMany(3, { function: 'other' })
  b.advance(3_500)
  const sends = () => runs.map((run) => b.sends(run))
  assert.deepEqual(sends(), [0, 0, 0])
  assert.ok(
    later.every((run) => b.sends(run) === 0),
    'nobody goes past it into the line of the worker',
  )
  b.finish(long)
  assert.deepEqual(sends(), [1, 0, 0], 'the slot is for who came first')
  b.start(runs[0])
  b.finish(runs[0])
  assert.ok(
    later.every((run) => b.sends(run) === 1),
    'what has no rate goes ahead',
  )
  for (const run of later) {
    b.start(run)
    b.finish(run)
  }
  b.advance(999)
  assert.deepEqual(sends(), [1, 0, 0])
  b.advance(1)
  assert.deepEqual(sends(), [1, 1, 0])
})

test('rate: one that is set takes back what waits at a worker', () => {
  const b = new TestScheduler()
  b.worker('a', { slots: 1, functions })
  b.teach('a', 10, 20)
  b.submitMany(3)
  const ahead = b.sent.filter(({ isAhead }) => isAhead).map(({ attemptId }) => attemptId)
  assert.ok(ahead.length > 0)
  b.core.setLimits({ group }, { rate: { limit: 1, perMs: 1_000 } }, b.now)
  assert.deepEqual(
    b.recalled.map(({ attempt }) => attempt),
    ahead,
  )
})

test('rate: what came back without a start is none', () => {
  const b = new TestScheduler()
  b.worker('a', { slots: 4, functions })
  b.core.setLimits({ group, function: 'work' }, { rate: { limit: 3, perMs: 1_000 } }, 0)
  const used = () => b.core.limits({ group, function: 'work' }, b.now).rate?.used
  const [busy, recalled, refused] = b.submitMany(3) as [string, string, string]
  b.now = 10
  const waiting = b.submit()
  b.busy(busy)
  assert.equal(used(), 2, 'a start less, and the worker is left alone for a moment')
  b.advance(50)
  assert.equal(b.sends(busy), 2)
  assert.equal(used(), 3)
  b.giveBack(recalled)
  assert.equal(b.sends(recalled), 2)
  assert.equal(used(), 3)
  b.finish(refused, { outcome: 'refused', error: { code: 'MAINTENANCE', message: 'not now' } })
  assert.equal(used(), 2)
  assert.equal(b.sends(waiting), 0)
})

test('rate: what ran, failed or may have run was a start', () => {
  const b = bench()
  b.core.setLimits({ group, function: 'work' }, { rate: { limit: 9, perMs: 1e6 } }, 0)
  const [done, failed, lost] = b.submitMany(3) as [string, string, string]
  b.start(done)
  b.finish(done)
  b.fail(failed)
  b.core.troubled(b.last(lost).worker, 'unlinked', b.now, b.now)
  b.advance(20_000)
  assert.equal(b.verdict(lost), 'WORKER_LOST')
  assert.equal(b.core.limits({ group, function: 'work' }, b.now).rate?.used, 3)
})
