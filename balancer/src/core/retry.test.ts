/** CONTRACT §4, "Repeats", line by line, as callers see it: how often a task is sent, and its end. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoffMs } from './retry.ts'
import { type Asked, TestScheduler, work } from './test-scheduler.ts'

interface Line {
  readonly what: string
  readonly function?: Parameters<typeof work>[0]
  readonly asked?: Asked
  readonly sends: number
}

/** Runs one task that always ends the same way, and returns the bench and the run. */
function repeat(line: Line, endAttempt: (bench: TestScheduler, run: string) => void): void {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, functions: work(line.function) })
  const run = bench.submit(line.asked)
  for (let i = 0; i < 20 && bench.end(run) === undefined && bench.sends(run) === i + 1; i++) {
    const { attempt } = bench.last(run)
    assert.equal(attempt, i + 1, `${line.what}: attempts count from 1`)
    bench.start(run)
    endAttempt(bench, run)
    bench.core.persisted([run])
    bench.advance(60_000)
  }
  assert.equal(bench.sends(run), line.sends, line.what)
  assert.equal(bench.end(run)?.attempt, line.sends, line.what)
  assert.equal(bench.core.traffic().running, 0)
}

const durable = { mode: 'async', isDurable: true } as const

const FAILURES: readonly Line[] = [
  { what: 'no retry by default', sends: 1 },
  { what: 'idempotent makes no failure repeatable', asked: { idempotent: true }, sends: 1 },
  { what: 'an async one neither', asked: durable, sends: 1 },
  { what: 'maxRetries of the function', function: { maxRetries: 1 }, sends: 2 },
  { what: 'maxRetries, bounded by TASK_ATTEMPTS', function: { maxRetries: 9 }, sends: 3 },
  { what: 'attempts of the body, without maxRetries', asked: { attempts: 4 }, sends: 4 },
  { what: 'attempts 1 over maxRetries', function: { maxRetries: 2 }, asked: { attempts: 1 }, sends: 1 },
]

for (const line of FAILURES) {
  test(`failure: ${line.what}`, () => repeat(line, (bench, run) => bench.fail(run)))
  test(`timeout of an attempt: ${line.what}`, () =>
    repeat(line, (bench, run) => {
      bench.finish(run, { outcome: 'timeout', error: { code: 'TIMEOUT', message: 'too slow' } })
    }))
}

test('failure: never after NonRetryable', () => {
  const line = { what: 'NonRetryable', function: { maxRetries: 5 }, asked: { attempts: 5 }, sends: 1 }
  repeat(line, (bench, run) => bench.fail(run, { nonRetryable: true }))
})

const LOSSES: readonly Line[] = [
  { what: 'sync, nothing said: it may have run', sends: 1 },
  { what: 'stream, nothing said', asked: { mode: 'stream' }, sends: 1 },
  { what: 'sync, the function is idempotent', function: { idempotent: true }, sends: 3 },
  { what: 'sync, the body says idempotent', asked: { idempotent: true }, sends: 3 },
  {
    what: 'the body overrules the function',
    function: { idempotent: true },
    asked: { idempotent: false },
    sends: 1,
  },
  { what: 'async, nothing said', asked: durable, sends: 3 },
  { what: 'webhook, nothing said', asked: { ...durable, mode: 'webhook' }, sends: 3 },
  { what: 'async, the function says false', function: { idempotent: false }, asked: durable, sends: 1 },
  {
    what: 'async, the body says true over it',
    function: { idempotent: false },
    asked: { ...durable, idempotent: true },
    sends: 3,
  },
  { what: 'attempts bounds them', asked: { idempotent: true, attempts: 2 }, sends: 2 },
  { what: 'the third loss is the last', asked: { idempotent: true, attempts: 5 }, sends: 3 },
  { what: 'attempts alone allows none', asked: { attempts: 5 }, sends: 1 },
]

for (const line of LOSSES) {
  test(`loss, told by the worker: ${line.what}`, () =>
    repeat(line, (bench, run) => bench.finish(run, { outcome: 'lost' })))
  test(`loss, the process is gone: ${line.what}`, () =>
    repeat(line, (bench) => {
      bench.core.troubled('a', 'unlinked', bench.now, bench.now)
      bench.core.workerGone('a', bench.now)
      bench.core.relinked('a', [], bench.now)
    }))
}

test('attempts bounds failures and losses together', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, functions: work({ idempotent: true, maxRetries: 9 }) })
  const run = bench.submit()
  bench.start(run)
  bench.fail(run)
  bench.advance(1_000)
  bench.start(run)
  bench.finish(run, { outcome: 'lost' })
  bench.start(run)
  bench.fail(run)
  bench.advance(60_000)
  assert.equal(bench.sends(run), 3)
  assert.equal(bench.verdict(run), 'FUNCTION_FAILED')
})

test('never started: elsewhere at once, as often as it takes, and counts as no attempt', () => {
  const bench = new TestScheduler({ maxAttempts: 1 })
  bench.worker('a', { slots: 1 })
  const run = bench.submit({ attempts: 1 })
  for (const code of ['MAINTENANCE', 'DRAINING', 'UNKNOWN_FUNCTION', 'CONTRACT_MISMATCH']) {
    bench.finish(run, { outcome: 'refused', error: { code, message: 'not here' } })
    bench.advance(1_000)
  }
  for (let i = 0; i < 3; i++) bench.giveBack(run)
  bench.busy(run)
  bench.advance(1_000)
  bench.core.troubled('a', 'unlinked', bench.now, bench.now)
  bench.core.workerGone('a', bench.now)
  bench.core.relinked('a', [], bench.now)
  assert.equal(bench.sends(run), 10)
  for (const { attempt } of bench.sent) assert.equal(attempt, 1)
  bench.start(run)
  bench.finish(run)
  assert.equal(bench.end(run)?.attempt, 1)
})

test('refused by another worker first: it goes to the next one at once', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit()
  bench.worker('b', { slots: 1 })
  bench.finish(run, { outcome: 'refused', error: { code: 'MAINTENANCE', message: 'not here' } })
  assert.equal(bench.last(run).worker, 'b')
})

test('a refusal of the input itself is the end', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, functions: work({ maxRetries: 5 }) })
  const run = bench.submit({ attempts: 5 })
  const errors = [{ pointer: '/input/s', detail: 'must be a number' }]
  bench.finish(run, { outcome: 'refused', error: { code: 'INVALID_INPUT', message: 'no', errors } })
  const end = bench.end(run)
  assert.deepEqual(end?.kind === 'failed' && end.error, { code: 'INVALID_INPUT', detail: 'no', errors })
  assert.equal(end?.attempt, 0)
})

test('a handler that was cancelled at its worker is not repeated', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, functions: work({ maxRetries: 5, idempotent: true }) })
  const run = bench.submit()
  bench.start(run)
  bench.finish(run, { outcome: 'cancelled', error: { code: 'CANCELLED', message: 'an operator' } })
  assert.equal(bench.verdict(run), 'CANCELLED')
})

test('an error code of no table is the function’s own', () => {
  const bench = new TestScheduler()
  bench.worker('a')
  const run = bench.submit()
  bench.fail(run, { code: 'E_MINE', message: 'mine' })
  assert.deepEqual([bench.verdict(run), bench.detail(run)], ['FUNCTION_FAILED', 'mine'])
})

test('a repeat goes elsewhere when its worker is full, and after its backoff', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, functions: work({ maxRetries: 1 }) })
  const run = bench.submit()
  bench.start(run)
  bench.fail(run)
  assert.equal(bench.core.traffic().running, 0, 'no slot is held while it backs off')
  bench.submit()
  bench.worker('b', { slots: 1, functions: work({ maxRetries: 1 }) })
  const at = bench.core.nextAt()
  assert.ok(at >= 100 && at <= 200, `first backoff ${at}`)
  bench.advance(at - 1)
  assert.equal(bench.sends(run), 1)
  bench.advance(1)
  assert.equal(bench.last(run).worker, 'b')
})

test('the backoff doubles, is half random, is bounded, and gives way to retryAfterMs', () => {
  const low = [1, 2, 3, 4, 20].map((failures) => backoffMs(failures, undefined, () => 0))
  assert.deepEqual(low, [100, 200, 400, 800, 15_000])
  const high = [1, 2, 20].map((failures) => backoffMs(failures, undefined, () => 0.999999))
  assert.deepEqual(high.map(Math.round), [200, 400, 30_000])
  assert.equal(
    backoffMs(1, { code: 'X', message: '', retryAfterMs: 7_000 }, () => 0),
    7_000,
  )
})

test('the backoff of the function counts, and what it leaves out has its default', () => {
  const waits = (terms: Parameters<typeof backoffMs>[3]) =>
    [1, 2, 3, 40].map((failures) => backoffMs(failures, undefined, () => 0, terms))
  assert.deepEqual(waits({ baseMs: 10, factor: 3, maxMs: 50, jitter: 0 }), [10, 30, 50, 50])
  assert.deepEqual(waits({ jitter: 0 }), [200, 400, 800, 30_000])
  assert.deepEqual(waits({ maxMs: 300 }), [100, 150, 150, 150])
  assert.deepEqual(waits({ baseMs: 0 }), [0, 0, 0, 0])
  assert.equal(
    backoffMs(2, undefined, () => 0.5, { jitter: 1 }),
    200,
  )
  assert.equal(
    backoffMs(2, { code: 'X', message: '', retryAfterMs: 7 }, () => 0, { baseMs: 1 }),
    7,
  )
})

test('a repeat waits as long as its function says', () => {
  const bench = new TestScheduler()
  bench.worker('a', { functions: work({ maxRetries: 2, backoff: { baseMs: 50_000, jitter: 0, factor: 1 } }) })
  const run = bench.submit()
  for (const sends of [1, 2]) {
    bench.start(run)
    bench.fail(run)
    bench.advance(29_999)
    assert.equal(bench.sends(run), sends)
    bench.advance(1)
    assert.equal(bench.sends(run), sends + 1)
  }
})

test('no backoff reaches beyond the deadline: the failure is the answer', () => {
  const bench = new TestScheduler()
  bench.worker('a', { functions: work({ maxRetries: 1 }) })
  const run = bench.submit({ deadlineAt: 1_000 })
  bench.start(run)
  bench.fail(run, { retryAfterMs: 5_000 })
  assert.equal(bench.verdict(run), 'FUNCTION_FAILED')
})
