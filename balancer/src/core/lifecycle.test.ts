/** A task's life: deadlines, queue limits, cancel in every phase, figures, one end each. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestScheduler, work } from './test-scheduler.ts'

// --- Deadlines and queue limits ------------------------------------------------------------------

test('a task that still waits at its queue limit is given up and never sent', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const [running, waiting] = [bench.submit(), bench.submit({ queueUntilAt: 500, deadlineAt: 9_000 })]
  bench.advance(499)
  assert.equal(bench.end(waiting), undefined)
  bench.advance(1)
  assert.equal(bench.verdict(waiting), 'TIMEOUT')
  assert.match(bench.detail(waiting), /waited 500 ms .*QUEUE_TIMEOUT/)
  bench.finish(running)
  assert.equal(bench.sent.length, 1)
})

test('the queue limit does not touch what has been sent; the deadline does', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit({ queueUntilAt: 500, deadlineAt: 1_000 })
  assert.equal(bench.last(run).remainingMs, 1_000)
  bench.start(run)
  bench.advance(999)
  assert.equal(bench.end(run), undefined)
  bench.advance(1)
  assert.equal(bench.verdict(run), 'TIMEOUT')
  assert.match(bench.detail(run), /deadline after 1000 ms, running on "a"/)
  assert.deepEqual(
    bench.cancelled.map(({ reason }) => reason),
    ['deadline'],
  )
})

test('a deadline that passes in line says so', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.submit()
  const waiting = bench.submit({ deadlineAt: 1_000, queueUntilAt: 1_000 })
  bench.advance(1_000)
  assert.match(bench.detail(waiting), /deadline after 1000 ms, waiting for a slot/)
})

test('time spent in an attempt is no waiting: a repeat may wait as long as the first did', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, functions: work({ idempotent: true }) })
  const run = bench.submit({ queueUntilAt: 500, deadlineAt: 9_000 })
  bench.start(run)
  bench.advance(2_000)
  const urgent = bench.submit({ priority: 1 })
  bench.finish(run, { outcome: 'lost' })
  assert.equal(bench.last(urgent).worker, 'a')
  bench.advance(499)
  assert.equal(bench.end(run), undefined)
  bench.advance(1)
  assert.match(bench.detail(run), /limit of the queue/)
})

test('a task that comes back unstarted keeps its queue limit', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit({ queueUntilAt: 500, deadlineAt: 9_000 })
  bench.advance(300)
  bench.core.pushed('a', 1, 1, bench.now)
  bench.giveBack(run)
  bench.advance(200)
  assert.equal(bench.verdict(run), 'TIMEOUT')
})

test('remaining time shrinks, is never negative, and null without a deadline', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const first = bench.submit()
  assert.equal(bench.last(first).remainingMs, null)
  const second = bench.submit({ deadlineAt: 1_000 })
  bench.advance(400)
  bench.finish(first)
  assert.equal(bench.last(second).remainingMs, 600)
})

// --- Cancel --------------------------------------------------------------------------------------

test('cancel in line: gone at once, nothing is sent', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const [running, waiting] = bench.submitMany(2, { bytes: 10 }) as [string, string]
  assert.equal(bench.core.cancel(waiting, 'caller', 0), true)
  assert.deepEqual([bench.verdict(waiting), bench.detail(waiting)], ['CANCELLED', 'The caller went away.'])
  assert.equal(bench.core.traffic().waiting, 0)
  bench.finish(running)
  assert.equal(bench.sent.length, 1)
})

test('cancel of what was sent, ahead or not, or runs: the slot is free only when the attempt ended', () => {
  for (const phase of ['sent', 'running', 'ahead'] as const) {
    const bench = new TestScheduler()
    bench.worker('a', { slots: 1 })
    bench.teach('a', 5, 50)
    const first = bench.submit()
    const run = phase === 'ahead' ? bench.submit() : first
    if (phase === 'running') bench.start(run)
    const later = bench.submitMany(4).at(-1) as string
    const { worker, attemptId: attempt } = bench.last(run)
    assert.equal(bench.core.cancel(run, 'operator', bench.now), true)
    assert.deepEqual(bench.cancelled, [{ worker, attempt, reason: 'operator' }])
    assert.equal(bench.verdict(run), 'CANCELLED')
    const before = bench.core.attemptsAt('a')
    assert.equal(bench.sends(later), 0, phase)
    bench.advance(60_000)
    assert.equal(bench.core.attemptsAt('a'), before, 'it holds its place however long it takes')
    if (phase === 'running') bench.finish(run, { outcome: 'cancelled' })
    else bench.giveBack(run)
    assert.equal(bench.sends(run), 1, 'a cancelled task is not sent again')
    assert.equal(bench.core.attemptsAt('a'), before, 'the next one took the place')
    assert.equal(bench.end(run)?.kind, 'failed')
  }
})

test('cancel during a backoff', () => {
  const bench = new TestScheduler()
  bench.worker('a', { functions: work({ maxRetries: 1 }) })
  const run = bench.submit()
  bench.start(run)
  bench.fail(run)
  bench.core.cancel(run, 'caller', 0)
  bench.advance(60_000)
  assert.deepEqual([bench.verdict(run), bench.sends(run)], ['CANCELLED', 1])
})

test('cancel in doubt: the caller has its answer, the reconnect gives the attempt up', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit()
  bench.start(run)
  bench.core.troubled('a', 'unlinked', 0, 0)
  bench.core.cancel(run, 'caller', 0)
  assert.equal(bench.verdict(run), 'CANCELLED')
  assert.equal(bench.core.attemptsAt('a'), 1)
  const started = [{ run, fence: bench.last(run).fence }]
  assert.deepEqual(bench.core.relinked('a', started, 100), [], 'nobody wants it: it does not go on')
  assert.equal(bench.core.attemptsAt('a'), 0)
})

test('a result that comes after the cancel or the deadline changes nothing but the slot', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit({ deadlineAt: 100 })
  bench.start(run)
  bench.advance(100)
  bench.finish(run)
  assert.equal(bench.verdict(run), 'TIMEOUT')
  assert.deepEqual([bench.core.traffic().completed, bench.core.attemptsAt('a')], [0, 0])
})

test('cancel twice, of a finished one, of an unknown one', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const [first, second] = bench.submitMany(2) as [string, string]
  assert.equal(bench.core.cancel(second, 'caller', 0), true)
  assert.equal(bench.core.cancel(second, 'caller', 0), false)
  bench.finish(first)
  assert.equal(bench.core.cancel(first, 'caller', 0), false)
  assert.equal(bench.core.cancel('r_unknown', 'caller', 0), false)
  assert.equal(bench.cancelled.length, 0)
})

// --- What workers say that cannot be -------------------------------------------------------------

test('events of unknown attempts, of another worker, or twice are ignored', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.worker('b', { slots: 1, isInService: false })
  const run = bench.submit()
  const { attemptId } = bench.last(run)
  const outcome = { outcome: 'completed', runMs: 1, mediaType: '', result: new Uint8Array(0) } as const
  bench.core.finished('b', attemptId, outcome, 0)
  bench.core.finished('a', attemptId + 1, outcome, 0)
  bench.core.finished('nobody', attemptId, outcome, 0)
  bench.core.started('b', attemptId, 0)
  assert.equal(bench.end(run), undefined)
  bench.start(run, run)
  bench.finish(run)
  bench.finish(run)
  bench.giveBack(run)
  assert.equal(bench.end(run)?.attempt, 1)
  assert.deepEqual([bench.core.attemptsAt('a'), bench.core.traffic().completed], [0, 1])
})

test('END without STARTED is an attempt all the same', () => {
  const bench = new TestScheduler()
  bench.worker('a')
  const run = bench.submit()
  bench.finish(run)
  assert.deepEqual([bench.verdict(run), bench.end(run)?.attempt], ['completed', 1])
})

// --- Figures -------------------------------------------------------------------------------------

test('the end tells worker, attempt, time in line and time in the handler', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const [first, second] = bench.submitMany(2) as [string, string]
  bench.now = 40
  bench.finish(first)
  bench.now = 42
  bench.start(second)
  bench.now = 60
  const result = new TextEncoder().encode('7')
  bench.finish(second, { runMs: 18, result, mediaType: 'text/plain' })
  assert.deepEqual(bench.end(second), {
    kind: 'completed',
    worker: 'a',
    attempt: 1,
    queueMs: 42,
    runMs: 18,
    coldStartMs: 0,
    result,
    mediaType: 'text/plain',
  })
})

test('the counters tell submitted, waiting, running and each kind of end', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 3 })
  const [done, failed, cancelled] = bench.submitMany(5) as [string, string, string]
  bench.finish(done)
  bench.fail(failed)
  bench.core.cancel(cancelled, 'caller', 0)
  assert.deepEqual(bench.core.traffic(), {
    submitted: 5,
    completed: 1,
    failed: 1,
    cancelled: 1,
    waiting: 0,
    running: 3,
  })
})

test('a task whose deadline has passed is refused and sent to nobody', () => {
  const bench = new TestScheduler()
  bench.worker('w0')
  const error = bench.refusal({ deadlineAt: bench.now })
  assert.equal(error?.code, 'TIMEOUT')
  assert.equal(bench.sent.length, 0)
})

test('a task whose time is over when a slot comes free is not started, tick or not', () => {
  for (const limit of [{ deadlineAt: 100 }, { queueUntilAt: 100 }]) {
    const bench = new TestScheduler()
    bench.worker('w', { slots: 1 })
    const first = bench.submit()
    bench.start(first)
    const late = bench.submit({ ...limit, priority: 1 })
    const next = bench.submit()
    bench.now = 100
    bench.finish(first)
    assert.equal(bench.sends(late), 0)
    assert.equal(bench.verdict(late), 'TIMEOUT')
    assert.equal(bench.sends(next), 1)
    bench.finish(next)
    assert.deepEqual([bench.core.traffic().waiting, bench.core.traffic().running], [0, 0])
  }
})

test('a task that comes back when its time is over ends there, and so does one from the disk', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b']) bench.worker(id, { slots: 1 })
  const returned = bench.submit({ queueUntilAt: 100 })
  bench.now = 100
  bench.busy(returned)
  assert.deepEqual([bench.sends(returned), bench.verdict(returned)], [1, 'TIMEOUT'])
  const stored = bench.submission({ isDurable: true, mode: 'async', deadlineAt: 50 })
  bench.core.claimed('default\n1\nwork\n', [stored], false, bench.now)
  assert.equal(bench.sends(stored.run), 0)
  assert.equal(bench.finals.at(-1)?.status, 'expired')
  assert.equal(bench.core.traffic().waiting, 0)
})

test('an end that comes with the deadline settles the task once', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  const run = bench.submit({ deadlineAt: 100 })
  bench.start(run)
  bench.submit()
  bench.now = 100
  bench.finish(run)
  assert.ok(bench.end(run))
  assert.equal(bench.core.attemptsAt('w'), 1)
})
