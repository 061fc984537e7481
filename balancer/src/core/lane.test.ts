/** One lane by itself: its order, its durable part, and the classes that serve it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANY_WORKER, compileSelector } from '@berth/protocol'
import { Lane } from './lane.ts'
import { FunctionTimes } from './service-times.ts'
import { Task } from './task.ts'
import { seededRandom, TestScheduler, workerFacts } from './test-scheduler.ts'
import { Worker } from './worker.ts'
import { WorkerClass } from './worker-class.ts'

const facts = { slots: 1, idempotent: null, maxRetries: 0 }
const needs = { group: 'default', contract: 1, function: 'work', selector: ANY_WORKER }
const bench = new TestScheduler()
const makeTask = (seq: number, priority: number, isDurable = false) =>
  new Task(bench.submission({ priority, isDurable }), 0, seq)
const makeClass = (own: Parameters<typeof workerFacts>[1] = {}) => {
  const whole = workerFacts('w', own)
  return new WorkerClass('key', whole, whole.tags, () => 0)
}

test('the head is the most urgent, then the first accepted, whatever leaves in between', () => {
  const random = seededRandom(7)
  const lane = new Lane(needs, facts)
  const tasks = Array.from({ length: 300 }, (_, seq) => makeTask(seq, 1 + Math.floor(random() * 5)))
  for (const task of tasks) lane.push(task)
  const gone = new Set(tasks.filter(() => random() < 0.3))
  for (const task of gone) lane.remove(task)
  const served: Task[] = []
  for (let head = lane.head; head; head = lane.head) {
    served.push(head)
    lane.remove(head)
  }
  const expected = tasks
    .filter((task) => !gone.has(task))
    .sort((a, b) => a.submission.priority - b.submission.priority || a.seq - b.seq)
  assert.deepEqual(served, expected)
})

test('the durable part knows its least urgent run and forgets those that leave', () => {
  const lane = new Lane(needs, facts)
  const [urgent, late, last, memory] = [
    makeTask(0, 1, true),
    makeTask(1, 9, true),
    makeTask(2, 9, true),
    makeTask(3, 99),
  ]
  for (const task of [urgent, late, last, memory]) lane.push(task)
  assert.equal(lane.durables.first, last)
  lane.remove(last)
  assert.equal(lane.durables.first, late)
  assert.equal(lane.durables.size, 2)
  assert.equal(lane.waiting, 3)
})

test('classes know that a lane waits only while it does', () => {
  const lane = new Lane(needs, facts)
  const [before, after] = [makeClass(), makeClass()]
  lane.bind(before)
  const task = makeTask(0, 1)
  lane.push(task)
  lane.bind(after)
  for (const serving of [before, after]) assert.deepEqual([...serving.waitingLanes], [lane])
  lane.remove(task)
  for (const serving of [before, after]) assert.equal(serving.waitingLanes.size, 0)
  lane.push(task)
  lane.unbind(after)
  assert.deepEqual([before.waitingLanes.size, after.waitingLanes.size], [1, 0])
})

test('a class serves a lane only with its group, contract, function and tags', () => {
  const lane = new Lane({ ...needs, selector: compileSelector({ gpu: 'a' }) }, facts)
  const tags = { gpu: 'a' }
  assert.equal(lane.isServedBy(makeClass({ tags })), true)
  assert.equal(lane.isServedBy(makeClass({ tags: { gpu: 'b' } })), false)
  assert.equal(lane.isServedBy(makeClass({ tags, group: 'other' })), false)
  assert.equal(lane.isServedBy(makeClass({ tags, contract: 2 })), false)
  assert.equal(lane.isServedBy(makeClass({ tags, functions: new Map() })), false)
})

test('how far ahead: ceil(slots · RTT / S) + 2, within its bounds', () => {
  const aheadOf = (limit: number, roundTripMs: number | undefined, serviceMs: number | undefined) => {
    const worker = new Worker(workerFacts('w'))
    worker.limit = limit
    if (roundTripMs !== undefined) worker.noteRoundTrip(roundTripMs)
    if (serviceMs !== undefined) {
      const sample = { runMs: serviceMs, occupancy: 1, now: 0 }
      worker.noteService('work', new FunctionTimes(), sample)
    }
    return worker.aheadLimit('work')
  }
  assert.equal(aheadOf(10, 10, 34.5), 5)
  assert.equal(aheadOf(10, 1, 34.5), 3)
  assert.equal(aheadOf(10, undefined, 34.5), 0, 'round trip unknown')
  assert.equal(aheadOf(10, 10, undefined), 0, 'service time unknown')
  assert.equal(aheadOf(10, 0.34, 34.5), 1, 'one is enough for a round trip of less than 1 %')
  assert.equal(aheadOf(10, 0.06, 34.5), 0, 'next to nothing is not worth it')
  assert.equal(aheadOf(10, 1_000, 1), 40, 'four times the slots')
  assert.equal(aheadOf(1, 1, 10), 3)
  assert.equal(aheadOf(500, 100, 10), 256)
  assert.equal(aheadOf(10, 5, 0), 40, 'a service time of nothing is no division by zero')
})

test('uneven times behind a long round trip add five', () => {
  const aheadOf = (times: (i: number) => number) => {
    const worker = new Worker(workerFacts('w'))
    worker.limit = 10
    const fleet = new FunctionTimes()
    for (let i = 0; i < 400; i++) worker.noteService('work', fleet, { runMs: times(i), occupancy: 1, now: 0 })
    const service = worker.serviceMs('work') as number
    worker.noteRoundTrip(1.5 * service)
    return worker.aheadLimit('work')
  }
  assert.equal(
    aheadOf(() => 40),
    17,
  )
  assert.equal(
    aheadOf((i) => (i % 20 === 10 ? 500 : 10)),
    22,
  )
})
