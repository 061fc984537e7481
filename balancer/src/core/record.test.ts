/** What is told of tasks that ended: how, in which attempts, and why the worker was chosen. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AttemptRecord, EndedTask, RecordPort } from '../ports/record.ts'
import type { Settlement } from '../ports/submission.ts'
import { TestScheduler, work } from './test-scheduler.ts'

interface Kept {
  readonly run: string
  readonly status: string
  readonly settlement: Settlement
  readonly history: readonly AttemptRecord[]
  readonly choice: EndedTask['choice']
}

function recording(wantsChoice = true) {
  const kept: Kept[] = []
  const record: RecordPort = {
    wantsChoice: () => wantsChoice,
    ended: ({ submission, history, choice }, settlement, status) =>
      kept.push({ run: submission.run, status, settlement, history, choice }),
  }
  const bench = new TestScheduler({ record })
  const ended = (run: string) => {
    const [first, ...more] = kept.filter((one) => one.run === run)
    assert.equal(more.length, 0, `${run} was told of twice`)
    return first
  }
  return { bench, kept, ended }
}

test('each end is told once with its status; a refusal is none', () => {
  const { bench, kept, ended } = recording()
  bench.worker('w', { slots: 2 })
  const [done, thrown, gone, late, slow] = [
    bench.submit(),
    bench.submit(),
    bench.submit(),
    bench.submit({ queueUntilAt: 50 }),
    bench.submit({ deadlineAt: 100 }),
  ] as [string, string, string, string, string]
  bench.core.cancel(gone, 'caller', 0)
  bench.advance(60)
  bench.finish(done)
  bench.start(slow)
  bench.advance(60)
  bench.fail(thrown)
  const timedOut = bench.submit()
  bench.finish(timedOut, { outcome: 'timeout', error: { code: 'TIMEOUT', message: 'the attempt' } })
  bench.refusal({ function: 'nothing' })
  assert.deepEqual(
    [done, thrown, gone, late, slow, timedOut].map((run) => ended(run)?.status),
    ['completed', 'failed', 'cancelled', 'expired', 'expired', 'failed'],
  )
  assert.equal(kept.length, 6)
})

test('attempts that are over are listed with their worker, their times and how they ended', () => {
  const { bench, ended } = recording()
  bench.worker('a', { slots: 1, functions: work({ idempotent: true }) })
  const run = bench.submit({ attempts: 4 })
  bench.start(run)
  bench.advance(30)
  bench.fail(run)
  assert.deepEqual(bench.core.find(run)?.history, [
    { n: 1, worker: 'a', startedAt: 0, finishedAt: 30, outcome: 'failed' },
  ])
  bench.advance(1_000)
  const secondAt = bench.now
  bench.start(run)
  bench.core.workerGone('a', secondAt + 5)
  bench.worker('b', { slots: 1, functions: work({ idempotent: true }) })
  bench.core.started('b', bench.last(run).attemptId, secondAt + 6)
  bench.finish(run)
  const { history = [], settlement } = ended(run) ?? {}
  assert.deepEqual(history.slice(1), [
    { n: 2, worker: 'a', startedAt: secondAt, finishedAt: secondAt + 5, outcome: 'lost' },
  ])
  assert.deepEqual([settlement?.attempt, settlement?.worker], [3, 'b'])
})

test('an attempt that never started is none', () => {
  const { bench, ended } = recording()
  bench.worker('a', { slots: 1 })
  const run = bench.submit()
  bench.busy(run)
  bench.advance(2_000)
  bench.finish(run)
  assert.deepEqual(ended(run)?.history, [])
})

test('a choice is noted when it is asked for: the winner as it stood, and the next best', () => {
  const { bench, ended } = recording()
  for (const id of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) bench.worker(id, { slots: id === 'a' ? 20 : 10 })
  bench.worker('full', { slots: 1 })
  bench.core.pushed('full', 1, 1, 0)
  bench.worker('off', { isInService: false })
  const first = bench.submit()
  assert.equal(bench.last(first).worker, 'a')
  bench.finish(first)
  const { choice } = ended(first) ?? {}
  assert.deepEqual(choice?.winner, {
    worker: 'a',
    expectedMs: undefined,
    used: 0,
    limit: 20,
    occupancyAfter: 0.05,
  })
  assert.equal(choice?.runnersUp.length, 4)
  for (const { worker } of choice?.runnersUp ?? []) assert.match(worker, /^[b-g]$/)
})

test('no choice is noted unasked, nor that of an earlier attempt', () => {
  const { bench, ended } = recording(false)
  bench.worker('a')
  const run = bench.submit()
  bench.finish(run)
  assert.equal(ended(run)?.choice, undefined)
})
