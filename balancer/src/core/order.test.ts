/** Who goes first: priority, fair shares by slot-time, acceptance; and the second line by age. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestScheduler } from './test-scheduler.ts'

/** One slot; every task runs for `runMs` of its key, in the order in which they are sent. */
function play(bench: TestScheduler, count: number, runMs: (run: string) => number = () => 10): string[] {
  const from = bench.sent.length - 1
  for (let i = 0; i < count; i++) {
    const run = bench.order.at(-1) as string
    bench.start(run)
    bench.now += runMs(run)
    bench.finish(run, { runMs: runMs(run) })
  }
  return bench.order.slice(from, from + count)
}

const keyed = (bench: TestScheduler, fairnessKey: string, count: number, asked = {}) =>
  Array.from({ length: count }, (_, i) => bench.submit({ run: `${fairnessKey}${i}`, fairnessKey, ...asked }))

const keys = (runs: readonly string[]) => runs.map((run) => run[0]).join('')

test('keys of equal priority take turns, however many each has waiting', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  bench.start(bench.submit({ run: 'x' }))
  keyed(bench, 'a', 20)
  keyed(bench, 'b', 4)
  play(bench, 1)
  assert.equal(keys(play(bench, 10)), 'abababab' + 'aa')
})

test('what counts is slot-time, not tasks: long tasks come less often', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  bench.start(bench.submit({ run: 'x' }))
  keyed(bench, 'a', 40)
  keyed(bench, 'b', 40)
  const runs = play(bench, 33, (run) => (run.startsWith('a') ? 40 : 10))
  const a = runs.filter((run) => run.startsWith('a')).length
  assert.ok(a >= 5 && a <= 8, `${a} of 32 are four times as long`)
})

test('priority goes before fairness, acceptance decides within a key', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  bench.start(bench.submit({ run: 'x' }))
  keyed(bench, 'a', 3)
  keyed(bench, 'b', 3, { priority: 5 })
  play(bench, 1)
  assert.deepEqual(play(bench, 6), ['b0', 'b1', 'b2', 'a0', 'a1', 'a2'])
})

test('who was away gains no credit', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  bench.start(bench.submit({ run: 'x' }))
  keyed(bench, 'a', 60)
  play(bench, 30)
  keyed(bench, 'b', 20)
  const [, ...next] = play(bench, 13)
  assert.ok(Math.abs(keys(next).replaceAll('a', '').length - 6) <= 1, keys(next))
})

test('fair shares reach across the lanes of a group', () => {
  const bench = new TestScheduler()
  const facts = { slots: 1, idempotent: null, maxRetries: 0 }
  bench.worker('w', {
    slots: 1,
    functions: new Map([
      ['work', facts],
      ['more', facts],
    ]),
  })
  bench.start(bench.submit({ run: 'x' }))
  keyed(bench, 'a', 10)
  keyed(bench, 'b', 10, { function: 'more' })
  play(bench, 1)
  assert.equal(keys(play(bench, 6)), 'ababab')
})

test('a task that never started was served nothing', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  bench.start(bench.submit({ run: 'x' }))
  keyed(bench, 'a', 3)
  keyed(bench, 'b', 3)
  play(bench, 1)
  bench.giveBack('a0')
  assert.equal(bench.order.at(-1), 'a0', 'it is its turn still')
})

// --- The second line -----------------------------------------------------------------------------

test('every 8th start goes to who has waited longer than STARVATION_AFTER, the oldest first', () => {
  const bench = new TestScheduler({ starvationAfterMs: 1_000 })
  bench.worker('w', { slots: 1 })
  bench.start(bench.submit({ run: 'x' }))
  for (const run of ['old1', 'old2', 'old3']) bench.submit({ run, priority: 200 })
  bench.now = 1_001
  for (let i = 0; i < 40; i++) bench.submit({ run: `n${i}`, priority: 1 })
  const [, ...runs] = play(bench, 25, () => 1)
  const places = ['old1', 'old2', 'old3'].map((run) => runs.indexOf(run))
  assert.ok((places[0] as number) < 8, `${places}`)
  assert.deepEqual(
    [(places[1] as number) - (places[0] as number), (places[2] as number) - (places[1] as number)],
    [8, 8],
  )
})

test('strictly by priority while nothing has waited so long', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  bench.start(bench.submit({ run: 'x' }))
  bench.submit({ run: 'old', priority: 200 })
  bench.now = 29_000
  for (let i = 0; i < 50; i++) bench.submit({ run: `n${i}`, priority: 1 })
  assert.ok(!play(bench, 40, () => 1).includes('old'))
})

test('a turn by age is not lost to more urgent ones at the worker', () => {
  const bench = new TestScheduler({ starvationAfterMs: 1_000 })
  bench.worker('w', { slots: 1 })
  bench.start(bench.submit({ run: 'x' }))
  bench.submit({ run: 'old', priority: 200 })
  bench.now = 2_000
  for (let i = 0; i < 20; i++) bench.submit({ run: `n${i}`, priority: 5 })
  play(bench, 10, () => 1)
  assert.equal(bench.last('old').priority, 1)
})

test('the second line takes durable and memory tasks of every lane by age', () => {
  const bench = new TestScheduler({ starvationAfterMs: 1_000 })
  const facts = { slots: 1, idempotent: null, maxRetries: 0 }
  bench.worker('w', {
    slots: 1,
    functions: new Map([
      ['work', facts],
      ['more', facts],
    ]),
  })
  bench.start(bench.submit({ run: 'x' }))
  bench.submit({ run: 'disk', priority: 200, function: 'more', mode: 'async', isDurable: true })
  bench.now = 1
  bench.submit({ run: 'memory', priority: 200 })
  bench.now = 2_000
  for (let i = 0; i < 40; i++) bench.submit({ run: `n${i}`, priority: 1 })
  const runs = play(bench, 20, () => 1)
  assert.equal(runs.indexOf('memory') - runs.indexOf('disk'), 8)
})

for (const [how, terms] of [
  ['at its limit', { concurrency: 1 }],
  ['paused', { paused: {} }],
] as const)
  test(`a key that is ${how} does not take the second line from the others`, () => {
    const bench = new TestScheduler({ starvationAfterMs: 1_000 })
    const key = { group: 'default', fairnessKey: 'noisy' }
    bench.core.setLimits(key, { concurrency: 1 }, 0)
    bench.worker('elsewhere', { slots: 1 })
    bench.start(bench.submit({ fairnessKey: 'noisy' }))
    bench.worker('w', { slots: 1 })
    bench.start(bench.submit({ run: 'x' }))
    bench.submit({ run: 'n-old', fairnessKey: 'noisy', priority: 200 })
    bench.now = 1
    bench.submit({ run: 'old', priority: 200 })
    bench.core.setLimits(key, terms, bench.now)
    bench.now = 1_002
    for (let i = 0; i < 60; i++) bench.submit({ run: `u${i}`, priority: 1 })
    const [, ...runs] = play(bench, 20, () => 1)
    assert.ok(runs.indexOf('old') >= 0 && runs.indexOf('old') < 8, runs.join(' '))
    assert.ok(!runs.includes('n-old'))
  })

test('who becomes old in the line of a worker comes back once, and has its turn elsewhere', () => {
  const bench = new TestScheduler({ starvationAfterMs: 1_000 })
  for (const id of ['a', 'b']) bench.worker(id, { slots: 1, tags: { host: id } })
  for (const host of ['a', 'b']) bench.teach(host, 5, 100, { tags: { host } })
  const running = bench.submitMany(2)
  bench.start(...running)
  bench.submit({ run: 'old', priority: 200 })
  const { worker: before, attemptId, isAhead } = bench.last('old')
  assert.ok(isAhead)
  const asksBack = () => bench.recalled.filter(({ attempt }) => attempt === attemptId).length
  bench.advance(999)
  assert.equal(asksBack(), 0)
  bench.advance(2)
  assert.equal(asksBack(), 1)
  bench.giveBack('old')
  assert.equal(bench.sends('old'), 1, 'not into the line that it has just left')
  bench.advance(10_000)
  assert.equal(asksBack(), 1)
  bench.finish(running.find((run) => bench.last(run).worker !== before) as string)
  assert.equal(bench.sends('old'), 2)
  assert.notEqual(bench.last('old').worker, before)
})

test('one that became old in the only line there is goes in again when a slot is free', () => {
  const bench = new TestScheduler({ starvationAfterMs: 1_000 })
  bench.worker('w', { slots: 1 })
  bench.teach('w', 5, 100)
  const running = bench.submit()
  bench.start(running)
  bench.submit({ run: 'old', priority: 200 })
  bench.advance(1_001)
  bench.giveBack('old')
  assert.equal(bench.sends('old'), 1)
  bench.finish(running)
  assert.equal(bench.sends('old'), 2)
})

test('who is old when sent ahead is not overtaken at the worker and not asked back for its age', () => {
  const bench = new TestScheduler({ starvationAfterMs: 1_000 })
  bench.worker('w', { slots: 1 })
  bench.teach('w', 5, 100)
  bench.start(bench.submit())
  const target = { group: 'default', function: 'work' }
  bench.core.setLimits(target, { paused: {} }, bench.now)
  bench.submit({ run: 'old', priority: 200, mode: 'async', isDurable: true })
  bench.advance(1_001)
  bench.core.setLimits(target, {}, bench.now)
  const { isAhead, priority } = bench.last('old')
  assert.deepEqual({ isAhead, priority }, { isAhead: true, priority: 1 })
  assert.equal(bench.core.find('old')?.priority, 200, 'what is shown is what was asked for')
  bench.advance(10_000)
  assert.deepEqual(bench.recalled, [])
})
