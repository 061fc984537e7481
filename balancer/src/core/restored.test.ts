/** Runs that were at a worker when an earlier balancer ended, and attempts that count no more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Asked, LEASE_MS, TestScheduler, work } from './test-scheduler.ts'

const durable: Asked = { mode: 'async', isDurable: true, contract: 1 }
const OLD = 7
const BOOT = 'before'

/** A run in doubt at `a`, as a new balancer finds it. */
function restore(bench: TestScheduler, asked: Asked = {}, startedAt: number | null = -500): string {
  const attempts = startedAt === null ? 0 : 1
  const past = { attempts, failures: 0, losses: 0, fence: OLD, history: [] }
  const submission = bench.submission({ ...durable, past, seq: 3, acceptedAt: -1_000, ...asked })
  bench.core.restore(
    submission,
    { worker: 'a', boot: BOOT, fence: OLD, startedAt: startedAt ?? undefined },
    bench.now,
  )
  return submission.run
}

function starting(...ids: string[]): TestScheduler {
  const bench = new TestScheduler({ isStarting: true })
  for (const id of ids) bench.worker(id, { slots: 1, isInService: false, outReason: 'unreachable' })
  return bench
}

function hello(bench: TestScheduler, id: string, boot: string, ...listed: [run: string, fence: number][]) {
  bench.worker(id, { slots: 1 })
  const started = listed.map(([run, fence]) => ({ run, fence, durable: true, finished: false }))
  return bench.core.relinked(id, started, bench.now, boot)
}

test('listed by the same process it goes on there; its END is its end', () => {
  const bench = starting('a')
  const run = restore(bench)
  assert.equal(bench.core.find(run)?.status, 'running')
  const [adopted] = hello(bench, 'a', BOOT, [run, OLD])
  assert.deepEqual([adopted?.run, adopted?.fence, adopted?.isLate], [run, OLD, undefined])
  assert.deepEqual([bench.sent.length, bench.core.attemptsAt('a')], [0, 1])
  const outcome = { outcome: 'completed', runMs: 5, mediaType: '', result: new Uint8Array(0) } as const
  bench.core.finished('a', adopted?.task ?? 0, outcome, bench.now)
  assert.deepEqual(bench.finals, [{ run, fence: OLD, status: 'completed' }])
  bench.core.persisted([run])
  assert.deepEqual(bench.acknowledged, [{ worker: 'a', attempt: adopted?.task, fence: OLD }])
  assert.equal(bench.end(run)?.attempt, 1)
})

test('a newer attempt than the row knows goes on, wherever it is; an older one does not', () => {
  const bench = starting('a', 'b')
  const run = restore(bench)
  const [late] = hello(bench, 'b', 'other', [run, OLD - 1])
  assert.equal(late?.isLate, true)
  const [adopted] = hello(bench, 'b', 'other', [run, OLD + 1])
  assert.deepEqual([adopted?.fence, adopted?.isLate, bench.core.attemptsAt('b')], [OLD + 1, undefined, 1])
  hello(bench, 'a', BOOT)
  bench.core.settleFleet(bench.now)
  assert.equal(bench.sent.length, 0, 'the hello of the first one says nothing of it any more')
})

test('not listed by the same process: what had not begun never began, once all have answered', () => {
  const bench = starting('a', 'b')
  const run = restore(bench, {}, null)
  hello(bench, 'a', BOOT)
  assert.equal(bench.sent.length, 0, 'another worker may have it')
  bench.core.settleFleet(bench.now)
  assert.deepEqual([bench.last(run).attempt, bench.core.find(run)?.history], [1, []])
})

for (const [how, tell] of [
  ['another process', (bench: TestScheduler) => void hello(bench, 'a', 'new')],
  ['a refused port', (bench: TestScheduler) => bench.core.workerGone('a', bench.now)],
  ['a lease of silence', (bench: TestScheduler) => bench.advance(LEASE_MS)],
] as const)
  test(`after ${how} it is lost, or may have run`, () => {
    const bench = starting('a', 'b')
    const begun = restore(bench)
    const sent = restore(bench, {}, null)
    const once = restore(bench, { idempotent: false }, null)
    hello(bench, 'b', 'b')
    bench.core.settleFleet(bench.now)
    tell(bench)
    assert.deepEqual([bench.finals.map(({ run, status }) => [run, status])], [[[once, 'failed']]])
    for (const run of [begun, sent]) bench.core.cancel(run, 'operator', bench.now)
    bench.core.persisted([begun, sent, once])
    assert.equal(bench.verdict(once), 'WORKER_LOST')
    assert.deepEqual(
      [begun, sent].map((run) => bench.end(run)?.attempt),
      [1, 1],
      'the attempt counts',
    )
  })

test('cancelled in doubt it has ended; what still runs of it is taken over to end', () => {
  const bench = starting('a')
  const run = restore(bench)
  bench.core.cancel(run, 'operator', bench.now)
  bench.core.persisted([run])
  assert.equal(bench.verdict(run), 'CANCELLED')
  const [late] = hello(bench, 'a', BOOT, [run, OLD])
  assert.ok(late?.isLate)
  const outcome = { outcome: 'cancelled', runMs: 5, mediaType: '', result: new Uint8Array(0) } as const
  bench.core.finished('a', late.task, outcome, bench.now)
  assert.deepEqual(bench.acknowledged, [{ worker: 'a', attempt: late.task, fence: OLD }])
  assert.deepEqual(bench.late, [{ run, worker: 'a', fence: OLD }])
})

test('an attempt that was given up and ends all the same is let go', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit({ ...durable, idempotent: false })
  bench.start(run)
  const { attemptId, fence } = bench.last(run)
  bench.core.emptyWorker('a', 100, bench.now)
  bench.advance(100)
  bench.core.persisted([run])
  assert.equal(bench.verdict(run), 'WORKER_LOST')
  bench.finish(run)
  assert.deepEqual(bench.acknowledged, [{ worker: 'a', attempt: attemptId, fence }])
  assert.equal(bench.end(run)?.kind, 'failed', 'its end stays what it was')
})

test('runs wait on disk until the fleet has answered, and again from a drain on', () => {
  const bench = starting('a')
  const needs = { group: 'default', contract: 1, function: 'work', selector: bench.submission().selector }
  const lane = bench.core.laneOnDisk(needs)
  hello(bench, 'a', 'a')
  assert.deepEqual(bench.claims, [])
  bench.core.settleFleet(bench.now)
  assert.equal(bench.claims.length, 1)
  const runs = ['r_1', 'r_2'].map((run) => bench.submission({ ...durable, run }))
  bench.core.claimed(lane, runs, true, bench.now)
  const asked = bench.claims.length
  bench.core.drain()
  assert.deepEqual(bench.pushedBack, ['r_2'], 'the first one runs')
  bench.finish('r_1')
  assert.deepEqual([bench.order, bench.claims.length], [['r_1'], asked])
})

test('what is new goes behind what waits on disk, though a slot is free', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const { selector } = bench.submission()
  bench.core.laneOnDisk({ group: 'default', contract: 1, function: 'work', selector })
  bench.submit({ ...durable, run: 'r_new' })
  assert.deepEqual([bench.pushedBack, bench.sent.length], [['r_new'], 0])
})

test('an attempt whose row cannot be written is not sent, and its slot is for others', () => {
  const bench = new TestScheduler({
    writesFirst: (core, worker, attempt) => core.unwritten(worker, attempt, 0),
  })
  bench.worker('a', { slots: 1, functions: work({ idempotent: false }) })
  bench.submit(durable)
  assert.equal(bench.sent.length, 0)
  assert.equal(bench.sends(bench.submit()), 1)
})
