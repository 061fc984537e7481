/** Tasks that handlers call: whose slots are whose, what is handed down, and what ends with whom. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Limits, Submission, WorkerFacts } from '../ports/scheduling.ts'
import { type Asked, TestScheduler } from './test-scheduler.ts'

const functions: WorkerFacts['functions'] = new Map(
  ['parent', 'child', 'work'].map((name) => [name, { slots: 1, idempotent: null, maxRetries: 0 }]),
)

/** A running task that may call. */
function setUp({ slots = 1, ...asked }: Asked & { slots?: number } = {}) {
  const bench = new TestScheduler()
  bench.worker('a', { slots, functions })
  const parent = bench.submit({ function: 'parent', run: 'p', ...asked })
  bench.start(parent)
  return { bench, parent }
}

function callOf(bench: TestScheduler, parent: string, asked: Asked = {}): Submission {
  const { worker, attemptId } = bench.last(parent)
  const call = { worker, attemptId, parent, callers: ['parent'] }
  return bench.submission({ function: 'child', call, ...asked })
}

function call(bench: TestScheduler, parent: string, asked: Asked = {}): string {
  const submission = callOf(bench, parent, asked)
  const admission = bench.core.submit(submission, bench.now)
  assert.deepEqual(admission, { ok: true })
  return submission.run
}

test('the called task gets the slot of its caller, who has it back before anything that waits', () => {
  const { bench, parent } = setUp()
  const waiting = bench.submitMany(2)
  const child = call(bench, parent)
  assert.deepEqual(bench.order, ['p', child])
  assert.equal(bench.last(child).isAhead, false)
  assert.deepEqual(bench.last(child).callers, ['parent'])
  bench.start(child)
  bench.finish(child)
  assert.equal(bench.verdict(child), 'completed')
  assert.deepEqual(bench.order, ['p', child], "its slot is its caller's")
  bench.finish(parent)
  assert.deepEqual(bench.order, ['p', child, waiting[0]])
  assert.equal(bench.core.traffic().running, 1)
})

test('while a caller waits for another worker its slot serves others, and is its own again behind them', () => {
  const { bench, parent } = setUp()
  const facts = { slots: 1, idempotent: null, maxRetries: 0 }
  bench.worker('b', { slots: 1, interfaceHash: 'two', functions: new Map([['remote', facts]]) })
  const child = call(bench, parent, { function: 'remote' })
  const [other, third] = [bench.submit(), bench.submit()]
  assert.deepEqual([bench.last(child).worker, bench.last(other).worker], ['b', 'a'])
  assert.equal(bench.sends(third), 0)
  bench.start(child, other)
  bench.finish(child)
  bench.finish(other)
  assert.equal(bench.sends(third), 0, 'the caller has its slot again')
  bench.finish(parent)
  assert.equal(bench.sends(third), 1)
})

test('whoever waits gets the slot at once when the called task goes elsewhere', () => {
  const { bench, parent } = setUp()
  const facts = { slots: 1, idempotent: null, maxRetries: 0 }
  bench.worker('b', { slots: 1, interfaceHash: 'two', functions: new Map([['remote', facts]]) })
  const waiting = bench.submit()
  const child = call(bench, parent, { function: 'remote' })
  assert.deepEqual(bench.order, ['p', child, waiting])
})

test('of several calls the last one to end brings the slot back', () => {
  const { bench, parent } = setUp({ slots: 2 })
  const [one, two] = [call(bench, parent), call(bench, parent)] as [string, string]
  assert.deepEqual(bench.order, ['p', one, two])
  bench.start(one, two)
  bench.finish(one)
  const next = bench.submit()
  assert.equal(bench.sends(next), 1, 'one call is open, so one slot is free')
  bench.start(next)
  bench.finish(two)
  const after = bench.submit()
  assert.equal(bench.sends(after), 0)
  bench.finish(next)
  assert.equal(bench.sends(after), 1)
})

test('a called task stands where its caller stood', () => {
  const { bench, parent } = setUp()
  const blocker = bench.submit({ priority: 1 })
  const later = bench.submitMany(2)
  const { worker, attemptId } = bench.last(parent)
  const facts = bench.core.caller(worker, attemptId)
  assert.deepEqual([facts?.run, facts?.priority, facts?.calls], ['p', 100, 0])
  const child = call(bench, parent)
  assert.deepEqual(bench.order, ['p', blocker], 'what is more urgent goes first')
  bench.start(blocker)
  bench.finish(blocker)
  assert.deepEqual(bench.order, ['p', blocker, child], 'what came later does not')
  assert.equal(bench.sends(later[0] as string), 0)
  assert.equal(bench.core.caller(worker, attemptId)?.calls, 1)
})

const ENDS: readonly (readonly [string, (bench: TestScheduler, parent: string) => void])[] = [
  ['has finished without waiting', (bench, parent) => bench.finish(parent)],
  ['is cancelled', (bench, parent) => void bench.core.cancel(parent, 'operator', bench.now)],
  ['has reached its deadline', (bench) => bench.advance(10_000)],
  ['is on a link that has ended', (bench) => bench.core.troubled('a', 'unlinked', bench.now, bench.now)],
  ['is lost with its worker', (bench) => bench.core.workerGone('a', bench.now)],
]

for (const [how, end] of ENDS) {
  test(`what a task called ends when it ${how}, and no slot is lost`, () => {
    const { bench, parent } = setUp({ deadlineAt: 10_000 })
    bench.worker('b', { slots: 1, functions })
    const running = call(bench, parent)
    bench.start(running)
    const others = [call(bench, parent), call(bench, parent)]
    end(bench, parent)
    for (const run of [running, ...others]) assert.equal(bench.verdict(run), 'CANCELLED')
    assert.ok(bench.cancelled.some(({ attempt }) => attempt === bench.last(running).attemptId))
    bench.core.workerGone('a', bench.now)
    bench.core.workerGone('b', bench.now)
    assert.equal(bench.core.traffic().running, 0)
    assert.equal(bench.core.traffic().waiting, 0)
    bench.core.relinked('a', [], bench.now)
    bench.core.pushed('a', 1, 0, bench.now)
    const next = bench.submitMany(2)
    assert.deepEqual(
      next.map((run) => bench.sends(run)),
      [1, 0],
      'one slot, neither more nor fewer',
    )
  })
}

test('a call of a call ends with the first of them', () => {
  const { bench, parent } = setUp()
  const child = call(bench, parent)
  bench.start(child)
  const grandchild = call(bench, child)
  bench.start(grandchild)
  bench.core.cancel(parent, 'caller', bench.now)
  assert.deepEqual([bench.verdict(child), bench.verdict(grandchild)], ['CANCELLED', 'CANCELLED'])
  for (const run of [grandchild, child, parent]) bench.finish(run)
  assert.equal(bench.core.traffic().running, 0)
  assert.equal(bench.sends(bench.submit()), 1)
})

test('a call that is refused leaves its caller as it was; one that cannot be made is told so', () => {
  const { bench, parent } = setUp()
  const unknown = bench.core.submit(callOf(bench, parent, { function: 'nothing' }), bench.now)
  assert.equal(unknown.ok || unknown.error.code, 'UNKNOWN_FUNCTION')
  assert.equal(bench.sends(bench.submit()), 0, 'the slot is still taken')
  const late = callOf(bench, parent)
  bench.finish(parent)
  const gone = bench.core.submit(late, bench.now)
  assert.equal(gone.ok || gone.error.code, 'CANCELLED')
})

test('a called task is taken while the balancer drains', () => {
  const { bench, parent } = setUp()
  bench.core.drain()
  const child = call(bench, parent)
  bench.start(child)
  bench.finish(child)
  assert.equal(bench.verdict(child), 'completed')
  const last = call(bench, parent)
  bench.core.abandonCallers(bench.now)
  assert.deepEqual([bench.verdict(parent), bench.verdict(last)], ['DRAINING', 'CANCELLED'])
})

test('a group of concurrency 1 does not wait for itself, and counts again as its caller goes on', () => {
  const { bench, parent } = setUp({ slots: 3 })
  bench.core.setLimits({ group: 'default' }, { concurrency: 1 }, bench.now)
  const child = call(bench, parent)
  assert.equal(bench.sends(child), 1)
  const other = bench.submit()
  assert.equal(bench.sends(other), 0)
  bench.start(child)
  bench.finish(child)
  bench.advance(1)
  assert.equal(bench.sends(other), 0, 'the caller runs')
  bench.finish(parent)
  bench.advance(1)
  assert.equal(bench.sends(other), 1)
})

test('a caller that goes on is no further start of a rate', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 3, functions })
  const limits = { rate: { limit: 3, perMs: 60_000 } }
  bench.core.setLimits({ group: 'default' }, limits, bench.now)
  const parent = bench.submit({ function: 'parent' })
  bench.start(parent)
  const child = call(bench, parent)
  bench.start(child)
  bench.finish(child)
  assert.equal(bench.core.limits({ group: 'default' }, bench.now).rate?.used, 2)
})

for (const [how, before, meanwhile] of [
  ['paused', { concurrency: 1 }, { concurrency: 1, paused: {} }],
  ['limited for the first time', {}, { concurrency: 1 }],
] as const)
  test(`a caller counts as it goes on, though its group was ${how} meanwhile`, () => {
    const { bench, parent } = setUp({ slots: 3 })
    set(bench, before)
    const child = call(bench, parent)
    bench.start(child)
    set(bench, meanwhile)
    const used = () => bench.core.limits({ group: 'default' }, bench.now).concurrency.used
    assert.equal(used(), 1, 'the called task')
    bench.finish(child)
    set(bench, { concurrency: 1 })
    assert.equal(used(), 1, 'its caller')
    const other = bench.submit()
    assert.equal(bench.sends(other), 0)
    bench.finish(parent)
    bench.advance(1)
    assert.equal(bench.sends(other), 1)
    bench.finish(other)
    assert.equal(used(), 0)
  })

const set = (bench: TestScheduler, limits: Limits) =>
  bench.core.setLimits({ group: 'default' }, limits, bench.now)

test('the concurrency of the function itself counts it all the while', () => {
  const { bench, parent } = setUp({ slots: 3 })
  bench.core.setLimits({ group: 'default', function: 'parent' }, { concurrency: 1 }, bench.now)
  const child = call(bench, parent)
  assert.equal(bench.sends(child), 1)
  assert.equal(bench.sends(bench.submit({ function: 'parent' })), 0)
})

test('the fairness key is charged for the time its slots were its own', () => {
  const { bench, parent } = setUp({ fairnessKey: 'k' })
  const child = call(bench, parent, { fairnessKey: 'k' })
  bench.start(child)
  bench.advance(1_000)
  bench.finish(child)
  bench.finish(parent)
  const hog = bench.submit({ fairnessKey: 'l' })
  bench.start(hog)
  const [ofK, ofL] = [bench.submit({ fairnessKey: 'k' }), bench.submit({ fairnessKey: 'l' })]
  bench.advance(1_500)
  bench.finish(hog)
  assert.deepEqual([bench.sends(ofK), bench.sends(ofL)], [1, 0], 'one second of one slot, not of two')
})

test('a turn by age is handed down to what is called, and shown nowhere', () => {
  const bench = new TestScheduler({ starvationAfterMs: 1_000 })
  bench.worker('a', { slots: 1, functions })
  const running = [bench.submit({ priority: 1 })]
  bench.submit({ function: 'parent', run: 'old', priority: 200 })
  bench.now = 2_000
  running.push(...bench.submitMany(20, { priority: 5 }))
  for (const run of running) {
    if (bench.sends('old') > 0) break
    bench.finish(run)
  }
  bench.start('old')
  const { worker, attemptId } = bench.last('old')
  assert.equal(bench.core.caller(worker, attemptId)?.priority, 200)
  const child = call(bench, 'old', { priority: 200 })
  assert.equal(bench.last(child).priority, 1)
  assert.equal(bench.core.find(child)?.priority, 200)
})

test('a run that was called says by whom', () => {
  const { bench, parent } = setUp()
  const child = call(bench, parent)
  assert.equal(bench.core.find(child)?.parent, 'p')
  assert.equal(bench.core.find(parent)?.parent, undefined)
})
