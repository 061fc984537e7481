/** What can be read of the core, and the change of a waiting task's priority. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestScheduler, work } from './test-scheduler.ts'

const ANY = () => true

test('newest and find: what waits and runs, in pages', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  const [first, second, third] = bench.submitMany(3, { fairnessKey: 'k' }) as [string, string, string]
  bench.start(first)
  const page = bench.core.newest(2, undefined, ANY)
  assert.deepEqual(
    page.map(({ run, status, worker, attempt }) => [run, status, worker, attempt]),
    [
      [third, 'queued', undefined, 0],
      [second, 'queued', undefined, 0],
    ],
  )
  assert.deepEqual(
    bench.core.newest(5, second, ANY).map(({ run, status }) => [run, status]),
    [[first, 'running']],
  )
  assert.deepEqual(
    bench.core.newest(5, undefined, ({ status }) => status === 'running').map(({ run }) => run),
    [first],
  )
  const { fairnessKey, contract, priority } = bench.core.find(third) ?? {}
  assert.deepEqual([fairnessKey, contract, priority], ['k', 1, 100])
  bench.finish(first)
  assert.equal(bench.core.find(first), undefined)
})

test('a waiting task goes first with a better priority, a running one keeps its own', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  const [running, , last] = bench.submitMany(3) as [string, string, string]
  assert.equal(bench.core.reprioritise(last, 1, 0), true)
  assert.equal(bench.core.reprioritise(running, 1, 0), false)
  assert.equal(bench.core.reprioritise('nobody', 1, 0), false)
  bench.finish(running)
  assert.equal(bench.order.at(-1), last)
  assert.equal(bench.last(last).priority, 1)
})

test('a better priority asks back what went ahead', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  bench.teach('w', 5, 50)
  const runs = bench.submitMany(6)
  assert.equal(bench.core.reprioritise(runs[5] as string, 1, bench.now), true)
  assert.equal(bench.recalled.length, 1)
})

test('explain: reasons add up to the fleet; position and nearest miss', () => {
  const bench = new TestScheduler()
  bench.worker('full', { slots: 1, tags: { gpu: 'a' } })
  bench.worker('off', { tags: { gpu: 'a' }, isInService: false, outReason: 'in maintenance' })
  bench.worker('tag', { tags: { gpu: 'b' } })
  bench.worker('far', { group: 'other' })
  bench.worker('new', { contract: 2, slots: 1 })
  bench.worker('else', { functions: new Map(), interfaceHash: 'none' })
  const asked = { tags: { gpu: 'a' }, contract: 1 }
  const runs = bench.submitMany(3, asked)
  const explained = bench.core.explain(runs[2] as string, 0)
  const counts = Object.fromEntries((explained?.reasons ?? []).map(({ reason, count }) => [reason, count]))
  assert.deepEqual(counts, {
    full: 1,
    'in maintenance': 1,
    'the tag "gpu" does not match': 1,
    'in another group': 1,
    'under another contract': 1,
    'does not serve the function': 1,
  })
  assert.deepEqual([explained?.position, explained?.nearestMiss], [1, 'full: full'])
  assert.deepEqual(explained?.nearest, { worker: 'full', code: 'no_free_slot', reason: 'full' })
  assert.equal(
    explained?.reasons.every(({ code }) => code !== 'out_of_service' && code !== 'could_take'),
    true,
  )
  assert.equal(bench.core.explain(runs[0] as string, 0)?.worker, 'full')
  assert.equal(bench.core.explain('nobody', 0), undefined)
})

test('another priority for what waits at a worker asks it back', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  bench.teach('w', 5, 50)
  const runs = bench.submitMany(2)
  const ahead = runs[1] as string
  assert.equal(bench.last(ahead).isAhead, true)
  assert.equal(bench.core.reprioritise(ahead, 7, bench.now), true)
  assert.equal(bench.recalled.length, 1)
  const { worker, attemptId } = bench.last(ahead)
  bench.core.returned(worker, attemptId, 'recalled', bench.now)
  assert.equal(bench.last(ahead).priority, 7)
})

test('a dry run names who would take it, best first, and reserves nothing', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b']) bench.worker(id, { slots: 2 })
  bench.submit()
  const busy = bench.last(bench.order[0] as string).worker
  const explained = bench.core.explainDry(bench.submission(), 0)
  assert.deepEqual(
    explained.candidates.map(({ worker }) => worker === busy),
    [false, true],
  )
  assert.deepEqual([explained.refusal, explained.nearestMiss, explained.position], Array(3).fill(undefined))
  assert.notEqual(explained.worker, busy)
  assert.equal(bench.core.traffic().running, 1)
})

test('a dry run is right about the very next task, also where speeds are compared', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b', 'c', 'd', 'e']) bench.worker(id, { slots: 2 })
  const runOne = () => {
    const run = bench.submit()
    const { worker } = bench.last(run)
    bench.finish(run, { runMs: 40 })
    return worker
  }
  for (let i = 0; i < 300; i++) runOne()
  const chosen = new Set<string>()
  for (let i = 0; i < 60; i++) {
    const { worker, candidates } = bench.core.explainDry(bench.submission(), bench.now)
    assert.equal(candidates[0]?.worker, worker)
    assert.equal(runOne(), worker)
    chosen.add(worker ?? '')
  }
  assert.ok(chosen.size > 1, `only ${[...chosen]} was ever chosen`)
})

test('a dry run says that a task would wait, behind whom, or be refused, and why', () => {
  const bench = new TestScheduler({ limits: { tasksPerLane: 3, bytes: 1e9 } })
  bench.worker('w', { slots: 1 })
  bench.submitMany(3)
  const dry = (asked = {}) => bench.core.explainDry(bench.submission(asked), 0)
  assert.deepEqual([dry().worker, dry().position, dry({ priority: 1 }).position], [undefined, 2, 0])
  assert.equal(dry().nearestMiss, 'w: full')
  bench.submit()
  assert.equal(dry().refusal?.code, 'QUEUE_FULL')
  assert.equal(dry({ tags: { gpu: 'a' } }).refusal?.code, 'NO_CAPACITY')
  const unknown = dry({ function: 'nothing' })
  assert.equal(unknown.refusal?.code, 'UNKNOWN_FUNCTION')
  assert.deepEqual(unknown.reasons, [
    { code: 'function_missing', reason: 'does not serve the function', count: 1 },
  ])
  bench.core.setLimits({ group: 'default' }, { paused: {} }, 0)
  assert.deepEqual([dry().refusal?.code, dry().heldBy], ['PAUSED', 'paused'])
  bench.core.setLimits({ group: 'default' }, { paused: { reason: 'migration' } }, 0)
  assert.equal(dry().heldBy, 'paused: migration')
  bench.core.drain()
  assert.equal(dry().refusal?.code, 'DRAINING')
  assert.equal(bench.core.traffic().waiting, 3)
})

test('before the fleet has answered a dry run says that the task would wait', () => {
  const bench = new TestScheduler({ isStarting: true })
  const { refusal, worker } = bench.core.explainDry(bench.submission(), 0)
  assert.deepEqual([refusal, worker], [undefined, undefined])
})

test('explain names the limit that holds a task back', () => {
  const bench = new TestScheduler()
  bench.worker('w', { functions: work() })
  bench.core.setLimits({ group: 'default' }, { paused: { reason: 'migration' } }, 0)
  const run = bench.submit({ mode: 'async', isDurable: true })
  assert.equal(bench.core.explain(run, 0)?.heldBy, 'paused: migration')
  assert.equal(bench.core.explain(run, 0)?.hold?.kind, 'paused')
  bench.core.setLimits({ group: 'default' }, { concurrency: 0 }, 0)
  assert.equal(bench.core.explain(run, 0)?.heldBy, 'a limit of concurrency or rate')
  assert.deepEqual(bench.core.explain(run, 0)?.hold, { kind: 'concurrency', untilAt: undefined })
})

test('explain counts who was ejected and who is silent, and whom a panic brings back', () => {
  const bench = new TestScheduler()
  const ids = ['bad', 'mute', 'c', 'd', 'e']
  for (const id of ids) bench.worker(id, { slots: 1 })
  for (let failures = 0; failures < 5; ) {
    const run = bench.submit()
    bench.advance(1)
    const isBad = bench.last(run).worker === 'bad'
    if (isBad) failures++
    bench.finish(run, isBad ? { outcome: 'lost' } : {})
  }
  bench.core.troubled('mute', 'silent', bench.now, bench.now)
  const count = () => {
    const { reasons } = bench.core.explainDry(bench.submission(), bench.now)
    return Object.fromEntries(reasons.map(({ reason, count }) => [reason, count]))
  }
  assert.deepEqual(count(), { 'could take it': 3, 'ejected after failures': 1, stalled: 1 })
  bench.core.troubled('c', 'silent', bench.now, bench.now)
  assert.deepEqual(count(), { 'could take it': 3, stalled: 2 })
})
