/** Which task goes where and when: the choice, what goes ahead, and what comes back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom, TestScheduler, work } from './test-scheduler.ts'

/** Tasks sent to each worker. */
function shares(bench: TestScheduler): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { worker } of bench.sent) counts[worker] = (counts[worker] ?? 0) + 1
  return counts
}

// --- The choice ----------------------------------------------------------------------------------

test('the least occupied worker takes the next task, relative to its slots', () => {
  const bench = new TestScheduler()
  bench.worker('small', { slots: 2 })
  bench.worker('large', { slots: 8 })
  bench.submitMany(5)
  assert.deepEqual(shares(bench), { large: 4, small: 1 })
  for (const { used, limit } of bench.sent) assert.ok(used / limit <= 0.5)
  bench.submitMany(5)
  assert.deepEqual(shares(bench), { large: 8, small: 2 })
  bench.submit()
  assert.equal(bench.core.traffic().waiting, 1)
})

test('slots that others use count for the choice and for the limit', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 4 })
  bench.worker('b', { slots: 4 })
  bench.core.pushed('a', 4, 3, 0)
  bench.submitMany(3)
  assert.deepEqual(shares(bench), { b: 3 })
  bench.submitMany(3)
  assert.deepEqual(shares(bench), { b: 4, a: 1 })
  assert.equal(bench.core.traffic().waiting, 1)
})

test('weight: twice the weight takes twice the work', () => {
  const bench = new TestScheduler()
  bench.worker('light', { slots: 30 })
  bench.worker('heavy', { slots: 30, weight: 2 })
  bench.submitMany(30)
  assert.deepEqual(shares(bench), { heavy: 20, light: 10 })
})

test('weight 0 takes work only when nothing else is free, and nothing ahead while others have room', () => {
  const bench = new TestScheduler()
  bench.worker('spare', { slots: 5, weight: 0 })
  bench.worker('main', { slots: 2 })
  bench.submitMany(2)
  assert.deepEqual(shares(bench), { main: 2 })
  bench.submitMany(5)
  assert.deepEqual(shares(bench), { main: 2, spare: 5 })
})

test('a full worker of weight 0 is the last to get something ahead', () => {
  const bench = new TestScheduler()
  bench.worker('spare', { slots: 1, weight: 0 })
  bench.teach('spare', 5, 50)
  bench.worker('main', { slots: 1 })
  bench.teach('main', 5, 50)
  bench.sent.length = 0
  bench.submitMany(4)
  const ahead = bench.sent.filter(({ isAhead }) => isAhead)
  assert.deepEqual(
    ahead.map(({ worker }) => worker),
    ['main', 'main'],
  )
})

test('equals are taken at random, seeds repeat', () => {
  const firsts = new Set<string>()
  for (let seed = 1; seed <= 40; seed++) {
    const picks = [0, 1].map(() => {
      const bench = new TestScheduler({ random: seededRandom(seed) })
      for (const id of ['a', 'b', 'c', 'd']) bench.worker(id, { slots: 3 })
      return bench.last(bench.submit()).worker
    })
    assert.equal(picks[0], picks[1])
    firsts.add(picks[0] as string)
  }
  assert.equal(firsts.size, 4)
})

test('pushes and dispatches that cross on the wire never over-book', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 3 })
  bench.submitMany(3)
  // An old picture: the worker had not seen any of the three when it wrote this.
  bench.core.pushed('a', 3, 0, 1)
  bench.submit()
  assert.equal(bench.sent.length, 3)
  // Two direct callers came first; two of our three will be told BUSY, and nothing new is sent.
  bench.core.pushed('a', 3, 2, 2)
  assert.equal(bench.sent.length, 3)
  bench.finish(bench.order[0] as string)
  assert.equal(bench.sent.length, 3, 'one slot less is used, and still more than there are')
})

test('a push that frees slots serves those who wait, one that takes them serves nobody', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 2 })
  bench.core.pushed('a', 2, 2, 0)
  bench.submitMany(3)
  assert.equal(bench.sent.length, 0)
  bench.core.pushed('a', 2, 1, 1)
  assert.equal(bench.sent.length, 1)
  bench.core.pushed('a', 5, 1, 2)
  assert.equal(bench.sent.length, 3)
})

test('slots taken away go by themselves: no new task until fewer run than the limit', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 4 })
  const runs = bench.submitMany(4)
  bench.core.pushed('a', 2, 0, 0)
  bench.submit()
  bench.finish(runs[0] as string)
  bench.finish(runs[1] as string)
  assert.equal(bench.sent.length, 4)
  bench.finish(runs[2] as string)
  assert.equal(bench.sent.length, 5)
})

// --- Order ---------------------------------------------------------------------------------------

test('priority first, then acceptance', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const first = bench.submit()
  const order = [5, 100, 5, 1, 100].map((priority) => bench.submit({ priority }))
  bench.finish(first)
  for (let i = 0; i < 5; i++) bench.finish(bench.order.at(-1) as string)
  const [a, b, c, d, e] = order
  assert.deepEqual(bench.order, [first, d, a, c, b, e])
})

test('a task that comes back keeps its place', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const [first, second] = bench.submitMany(2)
  bench.busy(first as string)
  bench.advance(20)
  assert.deepEqual(bench.order, [first, first], 'it goes before the one that came later')
  bench.finish(first as string)
  assert.equal(bench.order.at(-1), second)
})

test('lanes that share a worker are served by urgency, not by turn', () => {
  const bench = new TestScheduler()
  const functions = new Map(['x', 'y'].map((name) => [name, { slots: 1, idempotent: null, maxRetries: 0 }]))
  bench.worker('a', { slots: 1, functions })
  const running = bench.submit({ function: 'x' })
  const later = bench.submit({ function: 'x', priority: 50 })
  const urgent = bench.submit({ function: 'y', priority: 10 })
  bench.finish(running)
  assert.equal(bench.order.at(-1), urgent)
  bench.finish(urgent)
  assert.equal(bench.order.at(-1), later)
})

test('a lost task does not take its slot from a more urgent one of another lane', () => {
  const bench = new TestScheduler()
  const functions = new Map(['x', 'y'].map((name) => [name, { slots: 1, idempotent: true, maxRetries: 0 }]))
  bench.worker('a', { slots: 1, functions })
  const lost = bench.submit({ function: 'x' })
  const urgent = bench.submit({ function: 'y', priority: 10 })
  bench.start(lost)
  bench.finish(lost, { outcome: 'lost' })
  assert.deepEqual(bench.order, [lost, urgent])
  bench.finish(urgent)
  assert.deepEqual(bench.order, [lost, urgent, lost])
})

// --- Several slots -------------------------------------------------------------------------------

test('a task of several slots takes them all, and gives them all back', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 4, functions: work({ slots: 3 }) })
  const [first, second] = bench.submitMany(2) as [string, string]
  assert.equal(bench.last(first).used, 3)
  assert.equal(bench.sends(second), 0)
  bench.finish(first)
  assert.deepEqual([bench.last(second).used, bench.last(second).isAhead], [3, false])
})

test('a wide task goes where it fits, not where it is emptiest', () => {
  const bench = new TestScheduler()
  bench.worker('small', { slots: 2, functions: work({ slots: 3 }) })
  bench.worker('large', { slots: 10, functions: work({ slots: 3 }) })
  bench.core.pushed('large', 10, 6, 0)
  assert.equal(bench.last(bench.submit()).worker, 'large')
  const late = bench.submit()
  bench.advance(5_000)
  assert.deepEqual(shares(bench), { large: 2 }, 'nobody is sent to a worker that it can never fit')
  assert.equal(bench.last(late).isAhead, true)
})

const mixed = new Map([
  ['wide', { slots: 3, idempotent: null, maxRetries: 0 }],
  ['work', { slots: 1, idempotent: null, maxRetries: 0 }],
])

test('after a second at the head one worker saves up for a wide task, the others work on', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b']) bench.worker(id, { slots: 3, functions: mixed })
  const narrow = bench.submitMany(6)
  const wide = bench.submit({ function: 'wide', priority: 1 })
  bench.submitMany(20)
  bench.now += 500
  for (const run of narrow.slice(0, 2)) bench.finish(run)
  assert.equal(bench.sends(wide), 0, 'for a second nobody saves, narrow ones go on')
  assert.equal(bench.sent.length, 8)
  bench.advance(600)
  const saver = bench.last(wide).worker
  assert.equal(bench.last(wide).isAhead, true)
  const before = bench.sent.length
  for (const { run, worker } of bench.sent.slice(0, 8))
    if (run !== wide && bench.end(run) === undefined) {
      bench.finish(run)
      if (worker === saver) assert.ok(bench.sent.length <= before + 3)
    }
  assert.deepEqual(
    new Set(bench.sent.slice(before).map(({ worker }) => worker)),
    new Set([saver === 'a' ? 'b' : 'a']),
  )
  bench.start(wide)
  bench.finish(wide)
  assert.equal(bench.verdict(wide), 'completed')
})

test('it is recalled when another worker has all the slots first', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b']) bench.worker(id, { slots: 3, functions: mixed })
  const narrow = bench.submitMany(6)
  const wide = bench.submit({ function: 'wide' })
  bench.advance(1_000)
  const saver = bench.last(wide).worker
  for (const run of narrow) if (bench.last(run).worker !== saver) bench.finish(run)
  assert.deepEqual(bench.recalled, [{ worker: saver, attempt: bench.last(wide).attemptId }])
  bench.giveBack(wide)
  assert.deepEqual([bench.last(wide).worker === saver, bench.last(wide).isAhead], [false, false])
})

test('one worker at a time saves for a lane', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b', 'c']) bench.worker(id, { slots: 3, functions: mixed })
  bench.submitMany(9)
  const wide = bench.submitMany(3, { function: 'wide' })
  bench.advance(10_000)
  assert.deepEqual(
    wide.map((run) => bench.sends(run)),
    [1, 0, 0],
  )
  bench.start(wide[0] as string)
  bench.advance(1_000)
  assert.equal(bench.sends(wide[1] as string), 1)
})

test('a wide task that waits does not block a worker that it can never fit', () => {
  const bench = new TestScheduler()
  bench.worker('small', { slots: 1, functions: mixed })
  bench.worker('large', { slots: 3, functions: mixed })
  const wide = bench.submitMany(2, { function: 'wide' })
  const narrow = bench.submitMany(2)
  assert.deepEqual(bench.order, [wide[0], narrow[0]])
  bench.finish(narrow[0] as string)
  assert.equal(bench.last(narrow[1] as string).worker, 'small')
})

test('a wide durable run that nobody serves yet knows its width when somebody comes', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 3, functions: work({ slots: 3 }) })
  const asked = { mode: 'async', isDurable: true, tags: { zone: 'eu' } } as const
  const [first, second] = [bench.submit(asked), bench.submit(asked)]
  assert.equal(bench.sent.length, 0)
  bench.worker('b', { slots: 3, functions: work({ slots: 3 }), tags: { zone: 'eu' } })
  assert.deepEqual([bench.last(first).used, bench.sends(second)], [3, 0])
})

test('a function that costs other slots after a redeploy costs them from then on', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 2 })
  const [first, second, third] = bench.submitMany(3) as [string, string, string]
  bench.worker('a', { slots: 2, functions: work({ slots: 2 }), interfaceHash: 'two' })
  bench.finish(first)
  assert.equal(bench.sends(third), 0)
  bench.finish(second)
  assert.deepEqual([bench.last(third).used, bench.last(third).isAhead], [2, false])
  bench.finish(third)
  assert.equal(bench.core.attemptsAt('a'), 0)
  assert.equal(bench.last(bench.submit()).used, 2)
})

// --- Ahead ---------------------------------------------------------------------------------------

test('ahead: as many as the formula says, marked so, and not before both times are known', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 2 })
  bench.submitMany(3)
  assert.equal(bench.sent.length, 2, 'nothing is known yet')
  for (const run of bench.order) {
    bench.now = 10
    bench.start(run)
  }
  bench.now = 110
  bench.finish(bench.order[0] as string, { runMs: 100 })
  // 2 slots · 10 ms / 100 ms: one, and two to spare.
  bench.submitMany(10)
  const ahead = bench.sent.filter(({ isAhead }) => isAhead)
  assert.equal(ahead.length, 3)
  assert.deepEqual(
    ahead.map(({ used }) => used),
    [3, 4, 5],
  )
  bench.finish(bench.order[1] as string, { runMs: 100 })
  assert.equal(bench.sent.filter(({ isAhead }) => isAhead).length, 4)
})

test('a task ahead measures no round trip', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.teach('a', 2, 100)
  const [running, ahead] = bench.submitMany(2) as [string, string]
  bench.now += 2
  bench.start(running)
  bench.now += 5_000
  bench.start(ahead)
  bench.finish(ahead, { runMs: 100 })
  bench.finish(running, { runMs: 100 })
  bench.submitMany(20)
  assert.equal(bench.sent.filter(({ isAhead }) => isAhead).length, 1 + 3)
})

test('a worker that never says STARTED gets nothing ahead', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  for (let i = 0; i < 5; i++) {
    const run = bench.submit()
    bench.now += 100
    bench.finish(run, { runMs: 10 })
  }
  bench.submitMany(3)
  assert.equal(bench.core.traffic().waiting, 2)
})

test('bodies of 4 MiB in all may wait at one worker', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 40 })
  bench.teach('a', 50, 100)
  bench.submitMany(40)
  const big = bench.submitMany(18, { bytes: 250_000 })
  assert.deepEqual(
    big.map((run) => bench.sends(run)),
    big.map((_, index) => (index < 16 ? 1 : 0)),
  )
  bench.giveBack(big[0] as string)
  assert.equal(bench.sends(big[0] as string), 2, 'its bytes are free again')
})

test('a body that needs more than one window of the link waits here, and starts where a slot is free', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.teach('a', 5, 50)
  const [running] = bench.submitMany(1) as [string]
  const [large, larger] = [{ bytes: 256 * 1024 }, { bytes: 256 * 1024 + 1 }].map((body) => bench.submit(body))
  assert.deepEqual([bench.sends(large as string), bench.sends(larger as string)], [1, 0])
  bench.finish(running)
  bench.finish(large as string)
  assert.equal(bench.sends(larger as string), 1)
})

test('a slot that frees elsewhere recalls what waits in line at another worker', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.teach('a', 5, 50)
  const atA = bench.submitMany(3) as [string, string, string]
  bench.worker('b', { slots: 1 })
  assert.deepEqual(bench.recalled, [{ worker: 'a', attempt: bench.last(atA[2]).attemptId }])
  bench.core.pushed('b', 1, 0, bench.now)
  bench.worker('b', { slots: 1, weight: 2 })
  assert.equal(bench.recalled.length, 1, 'one free slot, one recall')
  bench.giveBack(atA[2])
  assert.deepEqual([bench.last(atA[2]).worker, bench.last(atA[2]).isAhead], ['b', false])
})

test('a recall that comes too late changes nothing', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.teach('a', 5, 50)
  const [running, ahead] = bench.submitMany(2) as [string, string]
  bench.worker('b', { slots: 1 })
  assert.equal(bench.recalled.length, 1)
  bench.finish(running)
  bench.start(ahead)
  bench.finish(ahead)
  assert.equal(bench.verdict(ahead), 'completed')
  assert.equal(bench.sends(ahead), 1)
})

test('a more urgent one is not overtaken by what went ahead: the least urgent makes room', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.teach('a', 5, 50)
  const [running, , , last] = bench.submitMany(4) as [string, string, string, string]
  assert.equal(bench.sends(last), 1)
  const urgent = bench.submit({ priority: 1 })
  assert.equal(bench.sends(urgent), 0)
  assert.deepEqual(bench.recalled, [{ worker: 'a', attempt: bench.last(last).attemptId }])
  bench.giveBack(last)
  assert.equal(bench.sends(urgent), 1)
  assert.equal(bench.sends(last), 1, 'it waits until there is room again')
  bench.finish(running)
  assert.equal(bench.sends(last), 2)
  bench.submit()
  assert.equal(bench.recalled.length, 1, 'an equal one recalls nobody')
})

test('room that a more urgent lane has taken is made again', () => {
  const bench = new TestScheduler()
  const functions = new Map(['x', 'y'].map((name) => [name, { slots: 1, idempotent: null, maxRetries: 0 }]))
  bench.worker('a', { slots: 1, functions })
  bench.teach('a', 5, 50, { function: 'x' })
  bench.teach('a', 5, 50, { function: 'y' })
  const [running, , low, lowest] = bench.submitMany(4, { function: 'x' }) as [string, string, string, string]
  const urgent = bench.submit({ function: 'x', priority: 50 })
  const first = bench.submit({ function: 'y', priority: 1 })
  bench.giveBack(lowest)
  assert.deepEqual([bench.sends(first), bench.sends(urgent)], [1, 0])
  assert.equal(bench.recalled.at(-1)?.attempt, bench.last(low).attemptId)
  bench.giveBack(low)
  assert.equal(bench.sends(urgent), 1)
  assert.equal(bench.sends(running), 1)
})

test('maintenance takes back what waits ahead and leaves what runs', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.teach('a', 5, 50)
  const [running, ahead] = bench.submitMany(2) as [string, string]
  bench.start(running)
  bench.worker('a', { slots: 1, isInService: false, outReason: 'in maintenance' })
  assert.deepEqual(bench.recalled, [{ worker: 'a', attempt: bench.last(ahead).attemptId }])
  bench.giveBack(ahead)
  assert.equal(bench.sends(ahead), 1)
  bench.finish(running)
  assert.equal(bench.verdict(running), 'completed')
  assert.equal(bench.sends(ahead), 1)
  bench.worker('a', { slots: 1 })
  assert.equal(bench.sends(ahead), 2)
})

// --- BUSY ----------------------------------------------------------------------------------------

test('BUSY: elsewhere at once, the worker is left alone longer each time, until one starts there', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit()
  const sentAt: number[] = []
  for (let i = 0; i < 12; i++) {
    sentAt.push(bench.now)
    bench.busy(run)
    bench.advance(bench.core.nextAt() - bench.now)
  }
  const gaps = sentAt.slice(1).map((at, index) => at - (sentAt[index] as number))
  assert.deepEqual(gaps, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000, 1000])
  bench.start(run)
  bench.finish(run)
  const next = bench.submit()
  bench.busy(next)
  assert.equal(bench.core.nextAt() - bench.now, 5)
  bench.worker('b', { slots: 1 })
  assert.equal(bench.last(next).worker, 'b')
  assert.equal(bench.end(next), undefined)
})

test('refusals of one moment count once, and a worker that comes back into service is not avoided', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 4 })
  for (const run of bench.submitMany(4)) bench.busy(run)
  assert.equal(bench.core.nextAt() - bench.now, 5)
  bench.worker('a', { slots: 4, isInService: false, outReason: 'in maintenance' })
  bench.worker('a', { slots: 4 })
  assert.equal(bench.sent.length, 8)
  bench.advance(1_000)
  assert.equal(bench.sent.length, 8)
})

test('every attempt has a fence higher than the last, in the epoch of this balancer', () => {
  const bench = new TestScheduler({ epoch: 7 })
  bench.worker('a', { slots: 1 })
  const run = bench.submit()
  bench.giveBack(run)
  bench.giveBack(run)
  const fences = bench.sent.map(({ fence }) => fence)
  assert.deepEqual(
    fences,
    [...fences].sort((a, b) => a - b),
  )
  assert.equal(new Set(fences).size, 3)
  for (const fence of fences) assert.equal(Math.floor(fence / 2 ** 32), 7)
})
