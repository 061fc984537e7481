/** A worker that is emptied past its drain deadline: signals, what comes of them, and what is lost. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HEARTBEAT_MS, TestScheduler, work, workerFacts } from './test-scheduler.ts'

const GRACE_MS = 30_000

/** Two workers, `w1` out of service with these tasks running on it. */
function setUp(...asked: Parameters<TestScheduler['submit']>[0][]) {
  const bench = new TestScheduler()
  bench.worker('w1')
  const runs = asked.map((each) => bench.submit(each))
  bench.start(...runs)
  bench.core.setWorker(workerFacts('w1', { isInService: false, outReason: 'in maintenance' }), bench.now)
  bench.worker('w2')
  return { bench, runs: runs as [string, ...string[]] }
}

function cancel(bench: TestScheduler, run: string): void {
  bench.finish(run, { outcome: 'cancelled', error: { code: 'CANCELLED', message: 'drained' } })
}

test('each attempt gets its signal; one that ends by it is repeated like a loss', () => {
  const { bench, runs } = setUp({ idempotent: true }, {})
  bench.core.emptyWorker('w1', GRACE_MS, bench.now)
  assert.deepEqual(
    bench.cancelled.map(({ worker, reason }) => [worker, reason]),
    [
      ['w1', 'drain'],
      ['w1', 'drain'],
    ],
  )
  for (const run of runs) cancel(bench, run)
  const [repeated, lost] = runs
  assert.equal(bench.last(repeated).worker, 'w2')
  assert.equal(bench.last(repeated).attempt, 2)
  assert.equal(bench.verdict(lost as string), 'WORKER_LOST')
  assert.match(bench.detail(lost as string), /"w1" was emptied by an operator in attempt 1/)
})

test('what finishes all the same is finished', () => {
  const { bench, runs } = setUp({})
  bench.core.emptyWorker('w1', GRACE_MS, bench.now)
  bench.finish(runs[0])
  assert.equal(bench.verdict(runs[0]), 'completed')
})

test('what has not ended when the grace is over is lost, and a word that comes later changes nothing', () => {
  const { bench, runs } = setUp({}, { idempotent: true })
  bench.core.emptyWorker('w1', GRACE_MS, bench.now)
  bench.advance(GRACE_MS - 1)
  assert.deepEqual([bench.verdict(runs[0]), bench.core.attemptsAt('w1')], [undefined, 2])
  const first = bench.last(runs[1] as string)
  bench.advance(1)
  assert.deepEqual([bench.verdict(runs[0]), bench.core.attemptsAt('w1')], ['WORKER_LOST', 0])
  assert.equal(bench.last(runs[1] as string).worker, 'w2')
  const late = { outcome: 'cancelled', runMs: 1, mediaType: '', result: new Uint8Array() } as const
  bench.core.finished('w1', first.attemptId, late, bench.now)
  bench.start(runs[1] as string)
  bench.finish(runs[1] as string)
  assert.equal(bench.verdict(runs[1] as string), 'completed')
})

test('said again, the signal goes out again and gives no more time', () => {
  const { bench, runs } = setUp({})
  bench.core.emptyWorker('w1', GRACE_MS, bench.now)
  bench.advance(GRACE_MS / 2)
  bench.core.emptyWorker('w1', GRACE_MS, bench.now)
  assert.equal(bench.cancelled.length, 2)
  bench.advance(GRACE_MS / 2)
  assert.equal(bench.verdict(runs[0]), 'WORKER_LOST')
})

test('an attempt that had not begun goes elsewhere, uncounted, when the worker says so', () => {
  const bench = new TestScheduler()
  bench.worker('w1')
  const [cancelled, recalled] = bench.submitMany(2) as [string, string]
  bench.core.setWorker(workerFacts('w1', { isInService: false }), bench.now)
  bench.worker('w2')
  bench.core.emptyWorker('w1', GRACE_MS, bench.now)
  cancel(bench, cancelled)
  bench.giveBack(recalled)
  for (const run of [cancelled, recalled]) {
    assert.equal(bench.last(run).worker, 'w2')
    assert.equal(bench.last(run).attempt, 1)
  }
})

test("an operator's force is nobody's failure: no ejection, no poison", () => {
  const bench = new TestScheduler()
  bench.worker('w1')
  const run = bench.submit({ idempotent: true, attempts: 9 })
  for (let i = 0; i < 5; i++) {
    bench.start(run)
    bench.core.emptyWorker('w1', 10, bench.now)
    bench.advance(10)
    assert.equal(bench.last(run).attempt, i + 2)
  }
  assert.equal(bench.core.breaker('w1')?.failures, 0)
  bench.start(run)
  bench.finish(run)
  assert.equal(bench.verdict(run), 'completed')
})

test('a link that is away keeps nothing from being lost in time', () => {
  const { bench, runs } = setUp({})
  bench.core.troubled('w1', 'unlinked', bench.now, bench.now)
  bench.core.emptyWorker('w1', HEARTBEAT_MS / 2, bench.now)
  bench.advance(HEARTBEAT_MS / 2)
  assert.equal(bench.verdict(runs[0]), 'WORKER_LOST')
})

test('what is under way is told with what it is expected to take', () => {
  const bench = new TestScheduler()
  bench.worker('w1', {
    functions: new Map([...work(), ['fresh', { slots: 1, idempotent: null, maxRetries: 0 }]]),
  })
  bench.teach('w1', 1, 100)
  const known = bench.submit()
  const fresh = bench.submit({ function: 'fresh' })
  bench.start(known, fresh)
  bench.advance(40)
  const remaining = () =>
    Object.fromEntries(bench.core.underWay('w1', bench.now).map((a) => [a.run, a.remainingMs]))
  assert.deepEqual(remaining(), { [known]: 60, [fresh]: undefined })
  bench.advance(70)
  assert.equal(remaining()[known], 100, 'longer than usual: the usual time once more')
  assert.deepEqual(bench.core.underWay('nobody', bench.now), [])
})

test('what is under way says whether it is run again when it is ended now', () => {
  const { bench, runs } = setUp(
    { idempotent: true },
    { idempotent: false },
    { idempotent: true, attempts: 1 },
  )
  const repeated = bench.core.underWay('w1', bench.now).filter(({ isRepeated }) => isRepeated)
  assert.deepEqual(
    repeated.map(({ run }) => run),
    [runs[0]],
  )
  bench.core.emptyWorker('w1', 0, bench.now)
  bench.advance(1)
  assert.deepEqual(
    runs.map((run) => bench.verdict(run)),
    [undefined, 'WORKER_LOST', 'WORKER_LOST'],
    'as foretold',
  )
})
