/** Accept or shed: 404, 503, 422 and 429, and what their texts tell. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestScheduler, work, workerFacts } from './test-scheduler.ts'

test('404: nobody in the list has ever served group, function and contract', () => {
  const bench = new TestScheduler()
  bench.worker('a')
  const unknown = bench.refusal({ function: 'nothing' })
  assert.equal(unknown.code, 'UNKNOWN_FUNCTION')
  assert.match(unknown.detail, /"nothing" in group "default"/)
  assert.equal(bench.refusal({ group: 'other' }).code, 'UNKNOWN_FUNCTION')
  const contract = bench.refusal({ contract: 7 })
  assert.equal(contract.code, 'UNKNOWN_FUNCTION')
  assert.match(contract.detail, /under contract 7/)
  for (const name of ['constructor', '__proto__', 'toString'])
    assert.equal(bench.refusal({ function: name }).code, 'UNKNOWN_FUNCTION')
})

test('404 again once the last worker that had it has left the list', () => {
  const bench = new TestScheduler()
  bench.worker('a')
  bench.core.removeWorker('a', 0)
  assert.equal(bench.refusal().code, 'UNKNOWN_FUNCTION')
})

test('503: known, but nobody is in service; the text counts why', () => {
  const bench = new TestScheduler()
  bench.worker('a', { isInService: false, outReason: 'in maintenance' })
  bench.worker('b', { isInService: false, outReason: 'in maintenance' })
  bench.worker('c', { isInService: false, outReason: 'unreachable' })
  const refusal = bench.refusal()
  assert.equal(refusal.code, 'NO_CAPACITY')
  assert.match(refusal.detail, /2 in maintenance, 1 unreachable. Nearest miss: a: in maintenance\./)
  assert.ok((refusal.retryAfterMs ?? 0) > 0)
  assert.equal(bench.core.traffic().submitted, 0)
})

test('503: no worker matches the tags; the text names the tag', () => {
  const bench = new TestScheduler()
  bench.worker('a', { tags: { gpu: 'a100' } })
  bench.worker('b', { tags: { gpu: 'h200' }, isInService: false, outReason: 'unreachable' })
  const refusal = bench.refusal({ tags: { gpu: 'h200' } })
  assert.equal(refusal.code, 'NO_CAPACITY')
  assert.match(refusal.detail, /with these tags/)
  assert.match(refusal.detail, /1 with another tag "gpu"/)
  assert.match(refusal.detail, /Nearest miss: b: unreachable\./)
  assert.match(refusal.detail, /1 unreachable/)
})

test('a full worker, or one left alone after BUSY, lets tasks wait', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const [first] = bench.submitMany(2)
  assert.equal(bench.core.traffic().waiting, 1)
  bench.busy(first as string)
  bench.submit()
  assert.equal(bench.core.traffic().waiting, 3)
})

test('what already waits stays when the last worker goes out of service', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const [first, second] = bench.submitMany(2) as [string, string]
  bench.worker('a', { slots: 1, isInService: false, outReason: 'in maintenance' })
  assert.equal(bench.refusal().code, 'NO_CAPACITY')
  bench.finish(first)
  assert.equal(bench.end(second), undefined)
  bench.worker('a', { slots: 1 })
  assert.equal(bench.sends(second), 1)
})

/** One worker with a GPU and one without; the first has become full and then gone into maintenance. */
function gpuGone(): { bench: TestScheduler; waiting: string } {
  const bench = new TestScheduler()
  bench.worker('g', { slots: 1, tags: { gpu: 'l4' } })
  bench.worker('c', { slots: 1 })
  const running = bench.submit({ tags: { gpu: 'l4' } })
  bench.start(running)
  const waiting = bench.submit({ tags: { gpu: 'l4' }, queueUntilAt: 5_000 })
  const facts = { tags: { gpu: 'l4' }, isInService: false, outReason: 'in maintenance' }
  bench.core.setWorker(workerFacts('g', facts), bench.now)
  bench.finish(running)
  return { bench, waiting }
}

test('G5: who waits for a worker that is gone holds up nobody else', () => {
  const { bench, waiting } = gpuGone()
  // First in line by priority and by acceptance, in one lane and beside others.
  bench.core.reprioritise(waiting, 1, bench.now)
  for (let count = 0; count < 100; count++) {
    const other = bench.submit()
    assert.equal(bench.last(other).worker, 'c')
    bench.start(other)
    bench.finish(other)
    assert.equal(bench.verdict(other), 'completed')
  }
  assert.equal(bench.sends(waiting), 0)
  assert.equal(bench.refusal({ tags: { gpu: 'l4' } }).code, 'NO_CAPACITY')
})

test('G5: who waits for a worker that is gone ends by its own limit and hears why', () => {
  const { bench, waiting } = gpuGone()
  bench.advance(4_999)
  assert.equal(bench.end(waiting), undefined)
  bench.advance(1)
  assert.equal(bench.verdict(waiting), 'TIMEOUT')
  assert.match(bench.detail(waiting), /limit of the queue \(QUEUE_TIMEOUT\)\. No worker with these tags/)
  assert.match(bench.detail(waiting), /1 in maintenance/)
  assert.match(bench.detail(waiting), /Nearest miss: g: in maintenance\.$/)
  assert.equal(bench.sends(waiting), 0)
})

test('who waits to its limit while a full worker serves hears of no absence', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.start(bench.submit())
  const waiting = bench.submit({ queueUntilAt: 1_000 })
  bench.advance(1_000)
  assert.match(bench.detail(waiting), /\(QUEUE_TIMEOUT\)\.$/)
})

test('G6: all drain: a sync task is refused at once, what waits stays, durable runs wait for the next worker', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.worker('b', { slots: 1 })
  const running = bench.submitMany(2)
  bench.start(...running)
  const waiting = bench.submit({ queueUntilAt: 60_000 })
  for (const id of ['a', 'b'])
    bench.core.setWorker(workerFacts(id, { isInService: false, outReason: 'draining' }), bench.now)
  const refusal = bench.refusal()
  assert.equal(refusal.code, 'NO_CAPACITY')
  assert.match(refusal.detail, /2 draining/)
  const durable = bench.submit({ isDurable: true, mode: 'async' })
  for (const run of running) bench.finish(run)
  assert.deepEqual(
    running.map((run) => bench.verdict(run)),
    ['completed', 'completed'],
  )
  bench.advance(59_999)
  assert.deepEqual([bench.sends(waiting), bench.sends(durable)], [0, 0])
  bench.advance(1)
  assert.equal(bench.verdict(waiting), 'TIMEOUT')
  assert.equal(bench.end(durable), undefined, 'it has no limit')
  bench.worker('c', { slots: 1 })
  assert.equal(bench.last(durable).worker, 'c')
})

test('422: more slots than the largest worker has', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 2, functions: work({ slots: 3 }) })
  const refusal = bench.refusal()
  assert.equal(refusal.code, 'SLOT_COST_TOO_BIG')
  assert.match(refusal.detail, /takes 3 slots; the largest worker that serves it has 2/)
  bench.worker('b', { slots: 3, functions: work({ slots: 3 }) })
  bench.submit()
})

test('429: the line of one lane is full, others are not', () => {
  const bench = new TestScheduler({ limits: { tasksPerLane: 2, bytes: 1_000 } })
  const functions = new Map(
    ['work', 'other'].map((name) => [name, { slots: 1, idempotent: null, maxRetries: 0 }]),
  )
  bench.worker('a', { slots: 1, functions })
  bench.submitMany(3)
  const refusal = bench.refusal()
  assert.equal(refusal.code, 'QUEUE_FULL')
  assert.match(refusal.detail, /2 tasks wait .*QUEUE_LIMIT/)
  assert.ok((refusal.retryAfterMs ?? 0) >= 1_000)
  bench.submit({ function: 'other' })
  assert.equal(bench.core.traffic().waiting, 3)
})

test('429: when to return is what the line takes at the rate of its starts, spread a little', () => {
  const bench = new TestScheduler({ limits: { tasksPerLane: 40, bytes: 1e9 } })
  bench.worker('a', { slots: 1 })
  let running = bench.submit()
  for (let second = 0; second < 12; second++) {
    for (let i = 0; i < 4; i++) {
      bench.finish(running)
      running = bench.submit()
      bench.advance(250)
    }
  }
  bench.submitMany(40)
  const advised = Array.from({ length: 50 }, () => bench.refusal().retryAfterMs ?? 0)
  // 40 that wait, 4 starts a second.
  for (const ms of advised) assert.ok(ms >= 9_000 && ms <= 14_000 && ms % 1_000 === 0, String(ms))
  assert.ok(new Set(advised).size > 1, 'all come back at once')
})

test('429: the advice is 1 to 60 s, whatever the line', () => {
  const bench = new TestScheduler({ limits: { tasksPerLane: 1_000, bytes: 1e9 } })
  bench.worker('a', { slots: 1 })
  bench.submitMany(1_001)
  const slow = bench.refusal().retryAfterMs ?? 0
  assert.ok(slow >= 48_000 && slow <= 60_000, String(slow))
  const quick = new TestScheduler({ limits: { tasksPerLane: 1, bytes: 1e9 } })
  quick.worker('a', { slots: 1 })
  for (let i = 0; i < 500; i++) quick.finish(quick.submit())
  quick.submitMany(2)
  const advised = Array.from({ length: 20 }, () => quick.refusal().retryAfterMs)
  assert.deepEqual(new Set(advised), new Set([1_000, 2_000]))
})

test('503: when to return is when the first of them comes back, if somebody has said so', () => {
  const bench = new TestScheduler()
  bench.worker('a', { isInService: false, outReason: 'in maintenance' })
  assert.equal(bench.refusal().retryAfterMs, 2_000)
  bench.worker('a', { isInService: false, outReason: 'in maintenance', backAt: 30_000 })
  bench.worker('b', { isInService: false, outReason: 'in maintenance', backAt: 12_000 })
  bench.advance(5_000)
  assert.equal(bench.refusal().retryAfterMs, 7_000)
  bench.advance(1e6)
  assert.equal(bench.refusal().retryAfterMs, 1_000)
  bench.worker('a', { isInService: false, backAt: bench.now + 1e9 })
  bench.worker('b', { isInService: false })
  assert.equal(bench.refusal().retryAfterMs, 60_000)
})

test('429: the bytes of all that waits are bounded, and only of what waits', () => {
  const bench = new TestScheduler({ limits: { tasksPerLane: 100, bytes: 1_000 } })
  const other = new Map([['other', { slots: 1, idempotent: null, maxRetries: 0 }]])
  bench.worker('a', { slots: 1 })
  bench.worker('b', { slots: 1, functions: other, interfaceHash: 'two' })
  const first = bench.submit({ bytes: 5_000 })
  bench.submit({ bytes: 900 })
  const refusal = bench.refusal({ bytes: 101 })
  assert.equal(refusal.code, 'QUEUE_FULL')
  assert.match(refusal.detail, /900 bytes .*QUEUE_BYTES/)
  const free = bench.submit({ function: 'other', bytes: 5_000 })
  assert.equal(bench.sends(free), 1, 'a free slot takes it whatever waits elsewhere')
  assert.equal(bench.refusal({ function: 'other', bytes: 101 }).code, 'QUEUE_FULL')
  bench.submit({ bytes: 100 })
  bench.finish(first)
  bench.submit({ bytes: 900 })
})

test('a refused task leaves nothing behind', () => {
  const bench = new TestScheduler({ limits: { tasksPerLane: 1, bytes: 1_000 } })
  bench.worker('a', { slots: 1, tags: { zone: 'eu' } })
  bench.submitMany(2)
  for (let i = 0; i < 3; i++) bench.refusal({ deadlineAt: 50 })
  bench.refusal({ tags: { zone: 'us' } })
  assert.deepEqual(bench.core.traffic(), {
    submitted: 2,
    completed: 0,
    failed: 0,
    cancelled: 0,
    waiting: 1,
    running: 1,
  })
  assert.equal(bench.core.nextAt(), Number.POSITIVE_INFINITY)
})

test('a draining balancer takes nothing new and answers those who still wait', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const [running, waiting] = bench.submitMany(2) as [string, string]
  bench.start(running)
  bench.core.drain()
  assert.equal(bench.refusal().code, 'DRAINING')
  assert.equal(bench.end(waiting), undefined, 'what is here goes on')
  bench.core.abandonCallers(0)
  assert.deepEqual([bench.verdict(running), bench.verdict(waiting)], ['DRAINING', 'DRAINING'])
  assert.deepEqual(
    bench.cancelled.map(({ reason }) => reason),
    ['drain'],
  )
  assert.equal(bench.core.attemptsAt('a'), 1, 'the slot is taken until the attempt has ended')
})

test('the door: 429 once what waits and what comes would not fit, whatever is declared', () => {
  const mb = 1024 * 1024
  const bench = new TestScheduler({ limits: { tasksPerLane: 10, bytes: 4 * mb } })
  bench.worker('a', { slots: 1 })
  assert.equal(bench.core.refuseAtDoor(5 * mb, 0), undefined, 'one that is alone may find a free slot')
  assert.equal(bench.core.refuseAtDoor(5 * mb, 1)?.code, 'QUEUE_FULL')
  assert.equal(bench.core.refuseAtDoor(mb, 3 * mb), undefined)
  bench.submit()
  bench.submit({ bytes: 3 * mb })
  const refusal = bench.core.refuseAtDoor(mb, 1)
  assert.equal(refusal?.code, 'QUEUE_FULL')
  assert.match(refusal?.detail ?? '', /QUEUE_BYTES/)
  assert.ok((refusal?.retryAfterMs ?? 0) > 0)
  assert.equal(bench.core.refuseAtDoor(mb, 0), undefined)
})

test('the door: small bodies come in where next to nothing may wait, for a slot may be free', () => {
  const bench = new TestScheduler({ limits: { tasksPerLane: 0, bytes: 0 } })
  bench.worker('a')
  assert.equal(bench.core.refuseAtDoor(1_000, 10_000), undefined)
  assert.equal(bench.core.refuseAtDoor(1_000_000, 100_000)?.code, 'QUEUE_FULL')
})

test('the door: 503 while the balancer drains', () => {
  const bench = new TestScheduler()
  bench.worker('a')
  bench.core.drain()
  assert.equal(bench.core.refuseAtDoor(0, 0)?.code, 'DRAINING')
})
