/** Each checker refuses the story that it is there for, and none refuses a good one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Execution } from '../harness/executions.ts'
import { type CheckerId, countRepeats, JUDGES, judge } from './checkers.ts'
import type { Call, Life, Rest, Story } from './story.ts'

const SECRET = 'a-key-that-nobody-may-read'

function call(id: string, changes: Partial<Call> = {}): Call {
  const answer = { status: 200, attempt: 1, result: { id, pid: 1 } }
  const times = { submittedAtMs: 1_000, endedAtMs: 1_100, deadlineAtMs: 61_000 }
  return { id, isIdempotent: undefined, attemptsAllowed: 3, kind: 'plain', ...times, ...answer, ...changes }
}

function note(id: string, event: Execution['event'], changes: Partial<Execution> = {}): Execution {
  return {
    id,
    event,
    runId: `r_${id}`,
    attempt: 1,
    pid: 1,
    atMs: event === 'started' ? 1_010 : 1_090,
    ...changes,
  }
}

function life(changes: Partial<Life> = {}): Life {
  return { name: 'w1', pid: 1, slots: 2, output: 'all is well', ...changes }
}

/** A good one: a task done at once, and one that was lost with worker 1 and done by worker 2. */
function makeStory(changes: Partial<Story> = {}): Story {
  return {
    calls: [
      call('a'),
      call('b', { isIdempotent: true, attempt: 2, result: { id: 'b', pid: 2 }, endedAtMs: 1_400 }),
    ],
    executions: [
      note('a', 'started'),
      note('b', 'started'),
      note('a', 'finished'),
      note('b', 'started', { pid: 2, attempt: 2, atMs: 1_300 }),
      note('b', 'finished', { pid: 2, attempt: 2, atMs: 1_390 }),
    ],
    faults: [{ kind: 'worker-killed', pid: 1, beganAtMs: 1_200, endedAtMs: 1_350 }],
    lives: [life({ exit: { code: null, signal: 'SIGKILL' } }), life({ name: 'w2', pid: 2 })],
    rest: {
      waiting: 0,
      running: 0,
      workers: [{ id: 'w2', status: 'ready', used: 0, ownUsed: 0, stuck: 0 }],
      descriptors: { before: 30, now: 30 },
    },
    recoveryMs: 5_000,
    ...changes,
  }
}

const good = makeStory()
const [done, repeated] = good.calls as [Call, Call]
const [worker] = good.rest.workers as [Rest['workers'][number]]

const MUTANTS: readonly [CheckerId, string, Partial<Story>][] = [
  ['C2', 'a task that nobody asked for', { calls: [done] }],
  ['C2', 'a refused task that ran', { calls: [call('a', { status: 503, code: 'NO_CAPACITY' }), repeated] }],
  ['C3', 'a repeat of what may not be repeated', { calls: [done, { ...repeated, isIdempotent: undefined }] }],
  ['C3', 'more repeats than attempts', { calls: [done, { ...repeated, attemptsAllowed: 1 }] }],
  ['C3', 'a repeat that no fault explains', { faults: [] }],
  [
    'C3',
    'a repeat before its fault',
    { faults: [{ kind: 'worker-killed', pid: 1, beganAtMs: 1_380, endedAtMs: 1_390 }] },
  ],
  ['C3', 'a fault of somebody else', { faults: [{ kind: 'worker-killed', pid: 3, beganAtMs: 1_200 }] }],
  ['C4', 'the result of another task', { calls: [call('a', { result: { id: 'b', pid: 1 } }), repeated] }],
  ['C4', 'a result that nobody made', { calls: [call('a', { result: { id: 'a', pid: 2 } }), repeated] }],
  ['C4', 'another attempt than the one that ended', { calls: [done, { ...repeated, attempt: 3 }] }],
  ['C4', 'two ends of one task', { calls: [done, done, repeated] }],
  ['C5', 'more at once than slots', { lives: [life({ slots: 1 }), life({ name: 'w2', pid: 2 })] }],
  ['C6', 'a task that waits for ever', { rest: { ...good.rest, waiting: 1 } }],
  ['C6', 'a ghost slot at the balancer', { rest: { ...good.rest, workers: [{ ...worker, used: 1 }] } }],
  ['C6', 'a ghost slot at the worker', { rest: { ...good.rest, workers: [{ ...worker, ownUsed: 1 }] } }],
  ['C6', 'a leaked descriptor', { rest: { ...good.rest, descriptors: { before: 30, now: 31 } } }],
  [
    'C7',
    'a healthy worker that stays away',
    { rest: { ...good.rest, workers: [{ ...worker, status: 'ejected' }] } },
  ],
  ['C7', 'work long after the last fault', { calls: [done, { ...repeated, endedAtMs: 7_000 }] }],
  ['C10', 'a caller who never hears', { calls: [done, { ...repeated, endedAtMs: undefined }] }],
  ['C10', 'a caller who hears after the deadline', { calls: [done, { ...repeated, deadlineAtMs: 100 }] }],
  [
    'C10',
    'a connection that just ends',
    { calls: [done, { ...repeated, status: undefined, failure: 'ECONNRESET' }] },
  ],
  ['C10', 'an error that says nothing', { calls: [done, { ...repeated, status: 500, code: 'INTERNAL' }] }],
  [
    'C10',
    'a loss that should have been repeated',
    { calls: [done, { ...repeated, status: 502, code: 'WORKER_LOST' }] },
  ],
  ['C11', 'a worker that dies by itself', { faults: [{ kind: 'worker-killed', pid: 2, beganAtMs: 1_200 }] }],
  ['C11', 'an unhandled rejection', { lives: [life({ output: 'UnhandledPromiseRejection: lost' })] }],
  ['C11', 'memory without a bound', { lives: [life({ residentBytes: 1e10 })] }],
  [
    'C12',
    'good traffic that fails',
    { calls: [call('a', { kind: 'good', status: 502, code: 'WORKER_LOST' }), repeated] },
  ],
  [
    'C12',
    'good traffic that waits',
    { calls: [call('a', { kind: 'baseline' }), { ...repeated, kind: 'good', endedAtMs: 2_000 }] },
  ],
  [
    'C13',
    'an attempt that goes back',
    { executions: good.executions.map((each) => ({ ...each, attempt: 1 })) },
  ],
  ['C13', 'an attempt after the one that was answered', { calls: [done, { ...repeated, attempt: 1 }] }],
  ['C14', 'a key in a log', { lives: [life({ output: `Authorization: ${SECRET}` })] }],
]

test('a good story is refused by none, and its repeats are counted', () => {
  assert.deepEqual(judge(good, [SECRET]), [])
  assert.equal(countRepeats(good), 1)
})

for (const [checker, what, changes] of MUTANTS)
  test(`${checker} refuses ${what}`, () => {
    const found = judge(makeStory(changes), [SECRET])
    assert.ok(
      found.some((violation) => violation.checker === checker),
      `only ${JSON.stringify(found)}`,
    )
  })

test('every checker has a story that it refuses', () => {
  assert.deepEqual(new Set(MUTANTS.map(([checker]) => checker)), new Set(Object.keys(JUDGES)))
})
