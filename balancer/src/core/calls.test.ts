/** Tasks that handlers call: whose slots are whose, what is handed down, and what ends with whom. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Limits } from '../ports/operator.ts'
import type { Submission } from '../ports/submission.ts'
import type { WorkerFacts } from '../ports/workforce.ts'
import { type Asked, TestScheduler, workerFacts } from './test-scheduler.ts'

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

// --- Out of service, its caller's worker ---------------------------------------------------------

const OUT = { isInService: false, outReason: 'in maintenance', takesCalls: true }

test('a worker that only finishes what it runs takes what that calls, beyond its slots if need be', () => {
  const { bench, parent } = setUp()
  bench.worker('a', { slots: 1, functions, ...OUT })
  const [first, second] = [call(bench, parent), call(bench, parent)]
  assert.deepEqual(bench.order, ['p', first, second])
  assert.deepEqual([bench.last(first).isAhead, bench.last(second).isAhead], [false, true])
  const refused = bench.core.submit(bench.submission({ function: 'child' }), bench.now)
  assert.equal(refused.ok || refused.error.code, 'NO_CAPACITY', 'nobody else’s')
  for (const run of [first, second]) {
    bench.start(run)
    bench.finish(run)
  }
  bench.finish(parent)
  assert.equal(bench.verdict(parent), 'completed')
})

test('what was called and waits when its worker leaves service goes there all the same', () => {
  const { bench, parent } = setUp()
  const other = bench.submit({ priority: 1, run: 'other' })
  const child = call(bench, parent)
  bench.start(other)
  assert.equal(bench.sends(child), 0)
  bench.worker('a', { slots: 1, functions, ...OUT })
  assert.equal(bench.sends(child), 1)
})

test('BUSY there is no reason to ask without end, and a moment later it is asked again', () => {
  const { bench, parent } = setUp()
  bench.worker('a', { slots: 1, functions, ...OUT })
  const child = call(bench, parent)
  bench.busy(child)
  assert.equal(bench.sends(child), 1)
  bench.advance(1_000)
  assert.equal(bench.sends(child), 2)
})

test('where somebody in service serves it, that is where it goes', () => {
  const { bench, parent } = setUp()
  bench.worker('b', { slots: 1, functions })
  bench.worker('a', { slots: 1, functions, ...OUT })
  assert.equal(bench.last(call(bench, parent)).worker, 'b')
})

// --- Limits ----------------------------------------------------------------------------------------

test('functions of concurrency 1 that call each other do not wait for each other for good', () => {
  const { bench, parent } = setUp({ slots: 4 })
  const limit = (name: string) =>
    bench.core.setLimits({ group: 'default', function: name }, { concurrency: 1 }, bench.now)
  limit('parent')
  limit('child')
  const other = bench.submit({ function: 'child', run: 'c' })
  bench.start(other)
  const waiting = bench.submit({ function: 'child', run: 'waits' })
  const inParent = call(bench, parent)
  assert.equal(bench.sends(inParent), 0, 'its function has one that runs')
  const inChild = call(bench, 'c', { function: 'parent' })
  bench.advance(1)
  assert.deepEqual([bench.sends(inParent), bench.sends(inChild)], [1, 1], 'both wait for what they called')
  assert.equal(bench.sends(waiting), 0, 'nobody called it')
  const used = () => bench.core.limits({ group: 'default', function: 'child' }, bench.now).concurrency.used
  assert.equal(used(), 2)
  const third = call(bench, parent)
  bench.advance(1)
  assert.equal(bench.sends(third), 0, 'one of its function runs')
  for (const run of [inChild, inParent]) {
    bench.start(run)
    bench.finish(run)
  }
  bench.finish('c')
  bench.advance(1)
  assert.deepEqual([bench.sends(third), bench.sends(waiting)], [1, 0])
  bench.start(third)
  bench.finish(third)
  bench.advance(1)
  assert.equal(bench.sends(waiting), 1)
  bench.finish(waiting)
  bench.finish(parent)
  assert.equal(used(), 0)
})

test('a full line keeps nothing out that a running task calls', () => {
  const bench = new TestScheduler({ limits: { tasksPerLane: 2, bytes: 1_000 } })
  bench.worker('a', { slots: 1, functions })
  const parent = bench.submit({ function: 'parent', run: 'p' })
  bench.start(parent)
  const blocker = bench.submit({ priority: 1, run: 'blocker' })
  bench.submitMany(2, { function: 'child' })
  const child = call(bench, parent)
  bench.start(blocker)
  assert.equal(bench.verdict(child), undefined)
  const heavy = callOf(bench, parent, { bytes: 2_000 })
  const admission = bench.core.submit(heavy, bench.now)
  assert.equal(admission.ok || admission.error.code, 'QUEUE_FULL', 'memory has a bound for everybody')
})

test('a lane with a thousand callers that wait starts nothing but what was called', () => {
  const bench = new TestScheduler()
  const serve = (name: string) => new Map([[name, { slots: 1, idempotent: null, maxRetries: 0 }]])
  bench.worker('a', { slots: 1, interfaceHash: 'one', functions: serve('parent') })
  bench.worker('b', { slots: 1, interfaceHash: 'two', functions: serve('child') })
  const parents = bench.submitMany(1_002, { function: 'parent' })
  const children: string[] = []
  for (const parent of parents.slice(0, 1_000)) {
    bench.start(parent)
    children.push(call(bench, parent))
  }
  const [next = ''] = parents.slice(1_000)
  assert.equal(bench.sends(next), 0)
  bench.start(children[0] as string)
  bench.finish(children[0] as string)
  bench.finish(parents[0] as string)
  assert.equal(bench.sends(next), 1)
})

// --- What a call inherits ----------------------------------------------------------------------------

test('a call goes to its caller’s contract where somebody takes it so, else to the default', () => {
  const { bench, parent } = setUp({ contract: 1 })
  const facts = { slots: 1, idempotent: true, maxRetries: 0 }
  bench.worker('new', { slots: 9, contract: 2, functions: new Map([...functions, ['other', facts]]) })
  const { worker, attemptId } = bench.last(parent)
  const target = (name: string) => bench.core.callTarget(worker, attemptId, name)
  assert.deepEqual(target('child'), { contract: 1, idempotent: null })
  assert.deepEqual(target('other'), { contract: 2, idempotent: true })
  assert.deepEqual(target('nobody'), { contract: undefined, idempotent: null })
  bench.core.setWorker({ ...workerFacts('a', { functions }), isInService: false, outReason: 'gone' }, 0)
  assert.deepEqual(target('child'), { contract: 2, idempotent: null })
})

test('all of one tree share its root', () => {
  const { bench, parent } = setUp()
  const rootOf = (run: string) => {
    const { worker, attemptId } = bench.last(run)
    return bench.core.caller(worker, attemptId)?.tree
  }
  const tree = rootOf(parent)
  assert.deepEqual(tree, { run: 'p', isDurable: false, kept: 0 })
  const { worker, attemptId } = bench.last(parent)
  const child = call(bench, parent, { call: { worker, attemptId, parent, callers: ['parent'], tree } })
  bench.start(child)
  assert.equal(rootOf(child), tree)
})

// --- Cold starts -------------------------------------------------------------------------------------

test('a setup is no part of the way to a worker, and its end says how long it took', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, functions })
  const run = bench.submit({ function: 'child' })
  const { worker, attemptId } = bench.last(run)
  bench.now = 9_000
  bench.core.started(worker, attemptId, bench.now, true)
  assert.equal(bench.core.find(run)?.isCold, true)
  bench.finish(run, { runMs: 10, facts: { coldStartMs: 8_999 } })
  assert.equal(bench.end(run)?.coldStartMs, 8_999)
  const next = bench.submitMany(3, { function: 'child' })
  assert.equal(bench.sends(next[1] as string), 0, 'nothing is sent ahead over a way that is short')
  bench.now += 1
  bench.start(next[0] as string)
  assert.equal(bench.core.find(next[0] as string)?.isCold, false)
  bench.finish(next[0] as string)
  assert.equal(bench.end(next[0] as string)?.coldStartMs, 0)
})

test('what a durable run called goes on while the balancer drains, as that does', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 2, functions })
  const parent = bench.submit({ function: 'parent', run: 'd', isDurable: true })
  bench.start(parent)
  const { worker, attemptId } = bench.last(parent)
  const tree = bench.core.caller(worker, attemptId)?.tree
  const child = call(bench, parent, { call: { worker, attemptId, parent, callers: ['parent'], tree } })
  bench.start(child)
  bench.core.drain()
  bench.core.abandonCallers(bench.now)
  assert.equal(bench.verdict(child), undefined)
  bench.finish(child)
  assert.equal(bench.verdict(child), 'completed')
})
