/** Ejection, trial, panic; and the bar of one function at one worker. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestScheduler, work } from './test-scheduler.ts'

function benchOf(count: number, slots = 4): TestScheduler {
  const bench = new TestScheduler({ maxAttempts: 1 })
  for (let i = 0; i < count; i++) bench.worker(`w${i}`, { slots, tags: { host: `w${i}` } })
  return bench
}

/** One task after another at a worker is reported lost. */
function lose(bench: TestScheduler, host: string, times: number): void {
  for (let i = 0; i < times && bench.core.breaker(host)?.state !== 'open'; i++) {
    bench.now += 1
    bench.finish(bench.submit({ tags: { host } }), { outcome: 'lost' })
  }
}

function succeed(bench: TestScheduler, host: string, times = 1): void {
  for (let i = 0; i < times; i++) bench.finish(bench.submit({ tags: { host } }))
}

const workersOf = (bench: TestScheduler, runs: readonly string[]) =>
  new Set(runs.map((run) => bench.last(run).worker))

test('five losses in a row eject for 5 s, then one trial decides', () => {
  const bench = benchOf(3)
  lose(bench, 'w0', 4)
  assert.equal(bench.core.breaker('w0')?.state, 'closed')
  lose(bench, 'w0', 1)
  const { state, sinceAt, untilAt, reason, failures } = bench.core.breaker('w0') ?? {}
  assert.deepEqual([state, sinceAt, untilAt, failures], ['open', bench.now, bench.now + 5_000, 5])
  assert.match(reason ?? '', /5 failures in a row/)
  const runs = bench.submitMany(8)
  assert.deepEqual(workersOf(bench, runs), new Set(['w1', 'w2']))
  bench.advance(5_000)
  assert.equal(bench.core.breaker('w0')?.state, 'half-open')
  const [trial, second] = bench.submitMany(2, { tags: { host: 'w0' } }) as [string, string]
  assert.deepEqual([bench.sends(trial), bench.sends(second)], [1, 0], 'one trial at a time')
  bench.finish(trial)
  assert.equal(bench.core.breaker('w0')?.state, 'closed')
  assert.equal(bench.sends(second), 1)
})

test('each ejection that follows lasts 5 s longer, at most 5 min', () => {
  const bench = benchOf(2)
  const lengths: number[] = []
  lose(bench, 'w0', 5)
  for (let i = 0; i < 70; i++) {
    const { untilAt = 0 } = bench.core.breaker('w0') ?? {}
    lengths.push(untilAt - bench.now)
    bench.advance(untilAt - bench.now)
    lose(bench, 'w0', 1)
  }
  assert.deepEqual(lengths.slice(0, 3), [5_000, 10_000, 15_000])
  assert.equal(lengths.at(-1), 300_000)
})

test('successes between them break the row, and the rate still ejects', () => {
  const bench = benchOf(2)
  for (let i = 0; i < 30; i++) {
    lose(bench, 'w0', 2)
    if (bench.core.breaker('w0')?.state === 'open') break
    succeed(bench, 'w0')
  }
  const { state, reason } = bench.core.breaker('w0') ?? {}
  assert.equal(state, 'open')
  assert.match(reason ?? '', /of 2\d failed in 10 s/)
})

test('a link that breaks five times in ten seconds ejects, whatever it completes in between', () => {
  const bench = benchOf(3)
  const flap = (everyMs: number): void => {
    bench.now += everyMs
    bench.core.troubled('w0', 'unlinked', bench.now, bench.now)
    bench.core.relinked('w0', [], bench.now)
  }
  const between = (): void => {
    if (bench.core.breaker('w0')?.state !== 'open') succeed(bench, 'w0')
  }
  for (let i = 0; i < 10; i++) {
    flap(2_600)
    succeed(bench, 'w0')
  }
  assert.equal(bench.core.breaker('w0')?.state, 'closed', 'now and then is no reason')
  for (let i = 0; i < 5; i++) {
    between()
    flap(1_000)
  }
  const { state, reason, untilAt = 0 } = bench.core.breaker('w0') ?? {}
  assert.deepEqual([state, reason], ['open', 'its link broke 5 times in 10 s'])
  while (bench.now + 1_000 < untilAt) flap(1_000)
  bench.advance(untilAt - bench.now)
  succeed(bench, 'w0')
  assert.equal(bench.core.breaker('w0')?.state, 'closed')
  flap(1_000)
  const again = bench.core.breaker('w0')
  assert.deepEqual([again?.state, (again?.untilAt ?? 0) - bench.now], ['open', 10_000], 'it never stopped')
})

test('losses of one instant are one failure: a crash alone ejects nobody', () => {
  const bench = benchOf(2, 8)
  const runs = bench.submitMany(8, { tags: { host: 'w0' } })
  bench.start(...runs)
  bench.core.workerGone('w0', bench.now)
  assert.equal(bench.core.breaker('w0')?.state, 'closed')
})

test('at most half of a group is ejected, one of one may be and serves on in panic', () => {
  const bench = benchOf(5)
  for (const host of ['w0', 'w1', 'w2', 'w3']) lose(bench, host, 6)
  const states = ['w0', 'w1', 'w2', 'w3', 'w4'].map((id) => bench.core.breaker(id)?.state)
  assert.deepEqual(states, ['open', 'open', 'closed', 'closed', 'closed'])
  const alone = benchOf(1)
  lose(alone, 'w0', 5)
  assert.equal(alone.core.breaker('w0')?.state, 'open')
  assert.equal(alone.sends(alone.submit()), 1, 'nobody else is there')
})

test('panic brings the ejected back when less than half is in service, and never another state', () => {
  const bench = benchOf(4)
  lose(bench, 'w0', 5)
  bench.worker('w1', { tags: { host: 'w1' }, isInService: false, outReason: 'mismatch' })
  bench.worker('w2', { tags: { host: 'w2' }, isInService: false, outReason: 'mismatch' })
  const runs = bench.submitMany(8)
  assert.deepEqual(
    workersOf(
      bench,
      runs.filter((run) => bench.sends(run) > 0),
    ),
    new Set(['w0', 'w3']),
  )
  bench.worker('w1', { tags: { host: 'w1' } })
  const more = bench.submitMany(2)
  assert.deepEqual(workersOf(bench, more), new Set(['w1']), 'half is in service again')
})

test('the exceptions of a function bar only that function there, and only while others succeed', () => {
  const bench = benchOf(2)
  for (let i = 0; i < 9; i++) bench.fail(bench.submit({ tags: { host: 'w0' } }))
  assert.equal(bench.core.breaker('w0')?.state, 'closed')
  assert.deepEqual(workersOf(bench, bench.submitMany(2)), new Set(['w0', 'w1']), 'the function is to blame')

  const facts = { slots: 1, idempotent: null, maxRetries: 0 }
  const functions = new Map([
    ['work', facts],
    ['other', facts],
  ])
  const other = new TestScheduler()
  for (const id of ['w0', 'w1']) other.worker(id, { slots: 20, tags: { host: id }, functions })
  succeed(other, 'w1')
  for (let i = 0; i < 5; i++) {
    other.now += 1
    other.fail(other.submit({ tags: { host: 'w0' } }))
  }
  assert.deepEqual(workersOf(other, other.submitMany(6)), new Set(['w1']))
  assert.deepEqual(workersOf(other, other.submitMany(8, { function: 'other' })), new Set(['w0', 'w1']))
  other.advance(5_000)
  const trial = other.submitMany(12).filter((run) => other.last(run).worker === 'w0')
  assert.equal(trial.length, 1)
  other.finish(trial[0] as string)
  assert.ok(workersOf(other, other.submitMany(6)).has('w0'))
})

test('a black hole that fails in no time gets next to nothing', () => {
  const bench = benchOf(4, 5)
  let atHole = 0
  for (let i = 0; i < 400; i++) {
    bench.now += 5
    const runs = bench.submitMany(4)
    bench.start(...runs)
    for (const run of runs) {
      if (bench.last(run).worker !== 'w0') bench.finish(run)
      else {
        atHole++
        bench.fail(run)
      }
    }
  }
  assert.ok(atHole <= 16, `${atHole} of 1600`)
})

test('what waits ahead at a worker is asked back when it is ejected', () => {
  const bench = new TestScheduler({ maxAttempts: 1 })
  bench.worker('w0', { slots: 1, functions: work() })
  bench.teach('w0', 5, 50)
  bench.submitMany(30)
  for (let i = 1; i <= 5; i++) {
    bench.now += 1
    bench.finish(bench.order[i] as string, { outcome: 'lost' })
  }
  assert.equal(bench.core.breaker('w0')?.state, 'open')
  assert.ok(bench.recalled.length >= 2)
})

test('told not to eject, losses leave a worker in the choice', () => {
  const bench = new TestScheduler({ maxAttempts: 1, ejects: false })
  for (const host of ['w0', 'w1']) bench.worker(host, { slots: 4, tags: { host } })
  for (let i = 0; i < 8; i++) bench.finish(bench.submit({ tags: { host: 'w0' } }), { outcome: 'lost' })
  assert.equal(bench.core.breaker('w0')?.state, 'closed')
  assert.deepEqual(workersOf(bench, bench.submitMany(8)), new Set(['w0', 'w1']))
})

test('C-19: a link that comes and goes every 500 ms gets at most 1 % of the tasks, though it loses none', () => {
  const bench = benchOf(3)
  bench.advance(60_000)
  let total = 0
  let sent = 0
  let isUp = true
  for (const endAt = bench.now + 300_000; bench.now < endAt; isUp = !isUp) {
    if (isUp) bench.core.relinked('w0', [], bench.now)
    else bench.core.troubled('w0', 'unlinked', bench.now, bench.now)
    for (let step = 0; step < 10; step++) {
      const runs = bench.submitMany(10)
      total += runs.length
      // More than the others have slots for, so that a slow start alone does not keep them away.
      for (const run of runs) bench.finish(run)
      for (const run of runs) if (bench.last(run).worker === 'w0') sent++
      bench.advance(50)
    }
  }
  assert.ok(sent / total <= 0.01, `${sent} of ${total}`)
  const { state, reason } = bench.core.breaker('w0') ?? {}
  assert.equal(state, 'open')
  assert.match(reason ?? '', /link broke|trial failed/)
})
