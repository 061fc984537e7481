/** Runs that have used more than they may, and the time that counts for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskError } from '@berth/protocol'
import type { RunMeter } from '../ports/metering.ts'
import type { StreamItem } from '../ports/stream.ts'
import { type Asked, TestScheduler, work } from './test-scheduler.ts'

const SPENT: TaskError = { code: 'BUDGET_EXHAUSTED', detail: 'used up' }
const PARTIAL = new TextEncoder().encode('{"n":1}')

/** Lets handlers run for so long, one at a time, and notes when they do. */
class TestMeter implements RunMeter {
  readonly log: string[] = []
  isSpent = false
  isOvertime = false
  #usedMs = 0
  #since: number | undefined
  readonly #limitMs: number

  constructor(limitMs = Number.POSITIVE_INFINITY) {
    this.#limitMs = limitMs
  }

  allowance() {
    return { level: 'low', left: { runMs: this.#limitMs - this.#usedMs } } as const
  }

  start(at: number): void {
    assert.equal(this.#since, undefined, 'it is started once')
    this.log.push(`start ${at}`)
    this.#since = at
  }

  stop(now: number): void {
    assert.ok(this.#since !== undefined, 'it is stopped once')
    this.log.push(`stop ${now}`)
    this.#usedMs += now - this.#since
    this.#since = undefined
  }

  dueAt(): number {
    return this.#since === undefined ? Number.POSITIVE_INFINITY : this.#since + this.#limitMs - this.#usedMs
  }

  exhausted(now: number): TaskError | undefined {
    const runMs = this.#usedMs + (this.#since === undefined ? 0 : now - this.#since)
    return this.isSpent || runMs >= this.#limitMs ? SPENT : undefined
  }

  noteOvertime(): TaskError {
    this.isOvertime = true
    return { ...SPENT, detail: 'overtime' }
  }

  child(): RunMeter {
    return this
  }
}

function running(bench: TestScheduler, asked: Asked = {}): string {
  const run = bench.submit(asked)
  bench.start(run)
  return run
}

function benchOf(facts: Parameters<typeof work>[0] = { maxRetries: 2 }): TestScheduler {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 2, functions: work(facts) })
  return bench
}

test('its handler is told, and what that returns within a moment is its result; it is not repeated', () => {
  const bench = benchOf()
  const run = running(bench)
  bench.core.exhaust(run, SPENT, bench.now)
  bench.core.exhaust(run, SPENT, bench.now)
  assert.deepEqual(
    bench.cancelled.map(({ reason }) => reason),
    ['budget'],
    'once',
  )
  assert.equal(bench.verdict(run), undefined)
  bench.finish(run, { outcome: 'failed', result: PARTIAL, error: { code: 'BUDGET_EXHAUSTED', message: 'x' } })
  const end = bench.end(run)
  assert.deepEqual(end?.kind === 'failed' && [end.error, end.soFar], [
    SPENT,
    { bytes: PARTIAL, mediaType: '' },
  ])
  assert.equal(bench.sends(run), 1)
  bench.core.exhaust('nobody', SPENT, bench.now)
})

test('who says nothing within two seconds is not waited for', () => {
  const bench = benchOf()
  const run = running(bench)
  bench.core.exhaust(run, SPENT, bench.now)
  bench.advance(1_999)
  assert.equal(bench.verdict(run), undefined)
  bench.advance(1)
  assert.equal(bench.verdict(run), 'BUDGET_EXHAUSTED')
  assert.equal(bench.core.attemptsAt('a'), 1, 'its slot is its own until it ends')
  bench.finish(run)
  assert.equal(bench.core.attemptsAt('a'), 0)
})

test('one that waits, or whose link is gone, ends at once', () => {
  const bench = benchOf()
  running(bench)
  running(bench)
  const waiting = bench.submit()
  bench.core.exhaust(waiting, SPENT, bench.now)
  assert.equal(bench.verdict(waiting), 'BUDGET_EXHAUSTED')
  const lost = bench.order[0] as string
  bench.core.troubled('a', 'unlinked', bench.now, bench.now)
  bench.core.exhaust(lost, SPENT, bench.now)
  assert.equal(bench.verdict(lost), 'BUDGET_EXHAUSTED')
})

test('what it called ends with it', () => {
  const bench = benchOf()
  const parent = running(bench)
  const { worker, attemptId } = bench.last(parent)
  const call = { worker, attemptId, parent, callers: ['work'] }
  const child = bench.submit({ call })
  bench.start(child)
  bench.core.exhaust(parent, SPENT, bench.now)
  assert.equal(bench.verdict(child), 'BUDGET_EXHAUSTED')
  assert.deepEqual(
    bench.cancelled.map(({ attempt, reason }) => [attempt, reason]),
    [
      [bench.last(child).attemptId, 'budget'],
      [attemptId, 'budget'],
    ],
  )
})

test('a report that passes the limit counts also when the result, a failure or a loss came with it', () => {
  for (const end of ['completed', 'failed', 'lost'] as const) {
    const bench = benchOf()
    const meter = new TestMeter()
    const run = running(bench, { meter, mode: 'async' })
    meter.isSpent = true
    if (end === 'lost') bench.core.workerGone('a', bench.now)
    else bench.finish(run, { outcome: end, result: PARTIAL })
    assert.equal(bench.verdict(run), 'BUDGET_EXHAUSTED', end)
    assert.equal(bench.sends(run), 1)
    const settled = bench.end(run)
    const bytes = settled?.kind === 'failed' ? settled.soFar?.bytes : undefined
    assert.deepEqual(bytes, end === 'lost' ? undefined : PARTIAL)
  }
})

test('what its worker says of the time is believed', () => {
  const bench = benchOf()
  const meter = new TestMeter()
  const [run, plain] = [running(bench, { meter }), running(bench)]
  for (const each of [run, plain]) bench.fail(each, { code: 'BUDGET_EXHAUSTED', message: 'its own words' })
  assert.deepEqual(
    [bench.detail(run), meter.isOvertime, bench.detail(plain)],
    ['overtime', true, 'its own words'],
  )
  assert.equal(bench.core.breaker('a')?.failures, 0, 'no fault of the worker')
})

test('time is looked at when it is used up, over all attempts, and tells each what is left', () => {
  const bench = benchOf({ maxRetries: 2, backoff: { baseMs: 100, jitter: 0 } })
  const meter = new TestMeter(1_000)
  const run = running(bench, { meter })
  assert.deepEqual(bench.last(run).extras?.budget, { level: 'low', left: { runMs: 1_000 } })
  bench.advance(600)
  bench.fail(run)
  bench.advance(100)
  assert.deepEqual(bench.last(run).extras?.budget?.left, { runMs: 400 })
  bench.start(run)
  bench.advance(399)
  assert.equal(bench.cancelled.length, 0)
  bench.advance(1)
  assert.equal(bench.cancelled[0]?.reason, 'budget')
  assert.deepEqual(meter.log, ['start 0', 'stop 600', 'start 700'])
  bench.finish(run)
  assert.deepEqual([meter.log.at(-1), bench.verdict(run)], ['stop 1100', 'BUDGET_EXHAUSTED'])
})

test('a worker whose link is away ends its handler by itself', () => {
  const bench = benchOf()
  const meter = new TestMeter(1_000)
  const run = running(bench, { meter })
  const { fence } = bench.last(run)
  bench.core.troubled('a', 'unlinked', bench.now, bench.now)
  bench.advance(2_500)
  assert.equal(bench.verdict(run), undefined)
  bench.core.relinked('a', [{ run, fence, durable: false, finished: true }], bench.now)
  bench.fail(run, { code: 'BUDGET_EXHAUSTED', message: 'used up' })
  assert.equal(bench.verdict(run), 'BUDGET_EXHAUSTED')
})

test('a deadline goes before a budget, and a budget without limits is only told', () => {
  const bench = benchOf()
  const meter = new TestMeter(1_000)
  const run = running(bench, { meter, deadlineAt: 500 })
  bench.advance(500)
  assert.equal(bench.verdict(run), 'TIMEOUT')
  assert.deepEqual(meter.log, ['start 0', 'stop 500'])
  const free = bench.submit({ budget: 'unlimited', extras: { session: 's' } })
  assert.deepEqual(bench.last(free).extras, { session: 's', budget: { level: 'unlimited' } })
})

test('while it waits for what it called its own time stands still', () => {
  const bench = benchOf()
  const meter = new TestMeter(1_000)
  const parent = running(bench, { meter })
  const { worker, attemptId } = bench.last(parent)
  bench.advance(100)
  const child = bench.submit({ call: { worker, attemptId, parent, callers: ['work'] } })
  bench.start(child)
  bench.advance(5_000)
  bench.finish(child)
  assert.deepEqual(meter.log, ['start 0', 'stop 100', 'start 5100'])
  bench.advance(900)
  assert.equal(bench.cancelled[0]?.reason, 'budget')
})

test('what a task in memory uses goes to the meters, the rest to whoever follows it', () => {
  const heard: string[] = []
  const usage = {
    item: ({ run }: { run: string }, { kind }: StreamItem) => void heard.push(`${run} ${kind}`),
  }
  const bench = new TestScheduler({ usage })
  bench.worker('a')
  const run = running(bench, { onItem: ({ kind }) => void heard.push(kind) })
  const quiet = running(bench)
  let taken = 0
  const source = {
    taken(bytes: number) {
      taken += bytes
    },
  }
  const tell = (told: string, kind: StreamItem['kind']) =>
    bench.core.streamed('a', bench.last(told).attemptId, { kind, bytes: PARTIAL, isLast: true, source }, 0)
  for (const kind of ['usage', 'chunk'] as const) for (const each of [run, quiet]) tell(each, kind)
  assert.deepEqual(heard, [`${run} usage`, `${quiet} usage`, 'chunk'])
  assert.equal(taken, PARTIAL.length, 'what nobody wants is taken')
})
