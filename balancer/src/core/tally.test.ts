import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bucketOf } from '@berth/protocol'
import type { FunctionTally } from '../ports/tallies.ts'
import { TestScheduler, work } from './test-scheduler.ts'

const countsOf = ({ submitted, completed, failed, cancelled, expired }: FunctionTally) => [
  submitted,
  completed,
  failed,
  cancelled,
  expired,
]

function tallyOf(core: TestScheduler, name: string): FunctionTally {
  const found = [...core.core.tallies()].find((tally) => tally.function === name)
  assert.ok(found, name)
  return found
}

test('every end counts once, at its function', () => {
  const core = new TestScheduler()
  core.worker('w1', { slots: 2 })
  const [done, thrown, left, late] = [
    core.submit(),
    core.submit(),
    core.submit(),
    core.submit({ deadlineAt: 50 }),
  ]
  core.start(done, thrown)
  core.now = 20
  core.finish(done, { runMs: 20 })
  core.fail(thrown)
  core.core.cancel(left, 'caller', core.now)
  core.advance(100)
  assert.equal(core.verdict(late), 'TIMEOUT')
  assert.deepEqual(countsOf(tallyOf(core, 'work')), [4, 1, 1, 1, 1])
  assert.deepEqual(core.core.attemptTally('w1')?.ok, 1)
  assert.deepEqual(core.core.attemptTally('w1')?.error, 1)
})

test('waits and times fall into their buckets', () => {
  const core = new TestScheduler()
  core.worker('w1', { slots: 1 })
  const first = core.submit()
  const second = core.submit()
  core.start(first)
  core.now = 300
  core.finish(first, { runMs: 300 })
  core.start(second)
  core.finish(second, { runMs: 7 })
  const { queue, run } = tallyOf(core, 'work')
  assert.deepEqual([queue[0], queue[bucketOf(300)]], [1, 1])
  assert.deepEqual([run[bucketOf(300)], run[bucketOf(7)]], [1, 1])
})

test('what waits for a fleet that is not known yet counts where it comes to be', () => {
  const core = new TestScheduler({ isStarting: true })
  core.submit()
  core.submit({ function: 'other' })
  const rest = [...core.core.tallies()][0]
  assert.equal(rest?.submitted, 2)
  const backlog: [string, number][] = []
  core.core.backlog((tally, waiting) => backlog.push([tally.function, waiting]))
  assert.deepEqual(backlog, [['', 2]])
  core.worker('w1', { functions: work(), slots: 1 })
  core.core.settleFleet(core.now)
  assert.deepEqual(countsOf(tallyOf(core, 'work')), [1, 0, 0, 0, 0])
  assert.deepEqual(rest && countsOf(rest), [1, 0, 1, 0, 0])
})

test('the backlog says who waits, and since when', () => {
  const core = new TestScheduler()
  core.worker('w1', { slots: 1 })
  core.submit()
  core.now = 10
  core.submit()
  core.now = 20
  core.submit()
  const backlog: [string, number, number][] = []
  core.core.backlog((tally, waiting, oldestAt) => backlog.push([tally.function, waiting, oldestAt]))
  assert.deepEqual(backlog, [['work', 2, 10]])
})
