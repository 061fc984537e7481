/** What can be read of the core, and the change of a waiting task's priority. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestScheduler, work } from './test-scheduler.ts'

test('list and find: what waits and runs, in pages', () => {
  const bench = new TestScheduler()
  bench.worker('w', { slots: 1 })
  const [first, second, third] = bench.submitMany(3, { fairnessKey: 'k' }) as [string, string, string]
  bench.start(first)
  const page = bench.core.list(2)
  assert.deepEqual(
    page.map(({ run, status, worker, attempt }) => [run, status, worker, attempt]),
    [
      [first, 'running', 'w', 1],
      [second, 'queued', undefined, 0],
    ],
  )
  assert.deepEqual(
    bench.core.list(5, second).map(({ run }) => run),
    [third],
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
  assert.equal(bench.core.explain(runs[0] as string, 0)?.worker, 'full')
  assert.equal(bench.core.explain('nobody', 0), undefined)
})

test('a dry run names who would take it, best first, and reserves nothing', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b']) bench.worker(id, { slots: 2 })
  bench.submit()
  const busy = bench.last(bench.order[0] as string).worker
  const explained = bench.core.explainDry(bench.submission(), 0)
  assert.deepEqual(
    explained?.candidates.map(({ worker }) => worker === busy),
    [false, true],
  )
  assert.equal(explained?.nearestMiss, undefined)
  assert.equal(bench.core.traffic().running, 1)
  assert.equal(bench.core.explainDry(bench.submission({ function: 'nothing' }), 0), undefined)
})

test('explain names the limit that holds a task back', () => {
  const bench = new TestScheduler()
  bench.worker('w', { functions: work() })
  bench.core.setLimits({ group: 'default' }, { paused: { reason: 'migration' } }, 0)
  const run = bench.submit({ mode: 'async', isDurable: true })
  assert.equal(bench.core.explain(run, 0)?.heldBy, 'paused: migration')
  bench.core.setLimits({ group: 'default' }, { concurrency: 0 }, 0)
  assert.equal(bench.core.explain(run, 0)?.heldBy, 'a limit of concurrency or rate')
})
