/** Classes, lanes and the default contract: what the directory knows of the fleet. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANY_WORKER, compileSelector, type Selector } from '@berth/protocol'
import { Directory } from './directory.ts'
import { TestScheduler, work, workerFacts } from './test-scheduler.ts'
import { Worker } from './worker.ts'

const needs = (tags?: Selector) => ({
  group: 'default',
  contract: 1,
  function: 'work',
  selector: tags ? compileSelector(tags) : ANY_WORKER,
})

function directoryOf(...tags: Record<string, string>[]): { directory: Directory; workers: Worker[] } {
  const directory = new Directory(() => 0.5)
  const workers = tags.map((own, index) => new Worker(workerFacts(`w${index}`, { tags: own })))
  for (const worker of workers) directory.sort(worker)
  return { directory, workers }
}

const classesOf = (directory: Directory) => [...directory.classes].length

test('10,000 workers with a tag of their own are one class until a selector mentions it', () => {
  const { directory } = directoryOf(...Array.from({ length: 10_000 }, (_, i) => ({ host: `h${i}` })))
  directory.find(needs())
  assert.equal(classesOf(directory), 1)
  const lane = directory.find(needs({ host: 'h77' }))
  assert.equal(classesOf(directory), 10_000)
  assert.equal(lane?.classes.size, 1)
  const [only] = lane?.classes ?? []
  assert.deepEqual(
    [...(only?.members ?? [])].map(({ id }) => id),
    ['w77'],
  )
})

test('only keys in use tell workers apart', () => {
  const { directory } = directoryOf({ gpu: 'a', host: '1' }, { gpu: 'a', host: '2' }, { gpu: 'b', host: '3' })
  directory.find(needs({ gpu: 'a' }))
  assert.equal(classesOf(directory), 2)
})

test('another interface, group or contract is another class', () => {
  const directory = new Directory(() => 0.5)
  const facts = [{}, { interfaceHash: 'two' }, { group: 'other' }, { contract: 2 }, {}]
  for (const [index, own] of facts.entries()) directory.sort(new Worker(workerFacts(`w${index}`, own)))
  assert.equal(classesOf(directory), 4)
})

test('a worker without the tag does not inherit it from the class it shared', () => {
  const bench = new TestScheduler()
  bench.worker('with', { tags: { gpu: 'h200' }, slots: 1 })
  bench.worker('without', { slots: 1 })
  const runs = bench.submitMany(2, { tags: { gpu: 'h200' } })
  assert.deepEqual(
    bench.sent.map(({ worker }) => worker),
    ['with'],
  )
  assert.equal(bench.core.traffic().waiting, 1)
  bench.start(runs[0] as string)
  bench.finish(runs[0] as string)
  assert.equal(bench.last(runs[1] as string).worker, 'with')
})

test('a change of tags moves a worker to another class, with what it runs', () => {
  const bench = new TestScheduler()
  bench.worker('a', { tags: { zone: 'eu' }, slots: 2 })
  const first = bench.submit({ tags: { zone: 'eu' } })
  bench.start(first)
  bench.worker('a', { tags: { zone: 'us' }, slots: 2 })
  assert.equal(bench.refusal({ tags: { zone: 'eu' } }).code, 'NO_CAPACITY')
  const second = bench.submit({ tags: { zone: 'us' } })
  assert.equal(bench.last(second).used, 2, 'the running task still takes its slot')
  bench.finish(first)
  assert.equal(bench.verdict(first), 'completed')
})

test('a lane with a selector lives as long as one of its tasks, wherever that is', () => {
  const bench = new TestScheduler()
  bench.worker('a', { tags: { zone: 'eu' }, slots: 2 })
  const [done, returned] = bench.submitMany(2, { tags: { zone: 'eu' } }) as [string, string]
  bench.start(done)
  bench.finish(done)
  bench.giveBack(returned)
  assert.equal(bench.sends(returned), 2, 'it comes back to a lane that is still served')
})

test('a task of a lane that is otherwise empty keeps what its function allows', () => {
  const bench = new TestScheduler()
  bench.worker('a', { tags: { zone: 'eu' }, slots: 2, functions: work({ maxRetries: 1 }) })
  const [done, failing] = bench.submitMany(2, { tags: { zone: 'eu' } }) as [string, string]
  bench.start(done, failing)
  bench.finish(done)
  bench.fail(failing)
  assert.equal(bench.verdict(failing), undefined, 'one retry is allowed')
  bench.advance(1_000)
  assert.equal(bench.sends(failing), 2)
})

test('lanes that nobody needs any more are dropped', () => {
  const directory = new Directory(() => 0.5)
  const worker = new Worker(workerFacts('a', { tags: { zone: 'eu' } }))
  directory.sort(worker)
  for (let i = 0; i < 100; i++) {
    const lane = directory.find(needs({ zone: `!=z${i}` }))
    assert.ok(lane)
    directory.retire(lane)
  }
  assert.equal(directory.lanes.size, 0)
  assert.ok(directory.find(needs()))
  directory.remove(worker)
  assert.equal(directory.lanes.size, 0, 'a function that nobody serves any more leaves no lane')
})

test('equal selectors share a lane whatever the order of their keys', () => {
  const { directory } = directoryOf({ a: '1', b: '2' })
  const lane = directory.find(needs({ a: '1', b: '2' }))
  assert.equal(directory.find(needs({ b: '2', a: '1' })), lane)
})

// The default contract: the newest whose workers in service hold at least half of the slots.

const contractTaken = (bench: TestScheduler): number => {
  const run = bench.submit()
  const { contract } = bench.last(run)
  bench.finish(run)
  return contract
}

test('the default contract is the newest that holds half of the slots', () => {
  const bench = new TestScheduler()
  bench.worker('old', { slots: 10 })
  bench.worker('new', { contract: 2, slots: 4 })
  assert.equal(contractTaken(bench), 1)
  bench.core.pushed('new', 10, 0, 0)
  assert.equal(contractTaken(bench), 2, 'exactly half is enough')
  bench.core.pushed('new', 9, 0, 0)
  assert.equal(contractTaken(bench), 1)
})

test('workers out of service do not count for the default contract, unless nobody serves', () => {
  const bench = new TestScheduler()
  bench.worker('old', { slots: 10 })
  bench.worker('new', { contract: 2, slots: 20, isInService: false })
  assert.equal(contractTaken(bench), 1)
  bench.core.settleFleet(0)
  bench.worker('old', { isInService: false, outReason: 'in maintenance' })
  assert.match(bench.refusal().detail, /contract 2/)
})

test('a moment of BUSY does not change the default contract', () => {
  const bench = new TestScheduler()
  bench.core.settleFleet(0)
  bench.worker('old', { slots: 9 })
  bench.worker('new', { contract: 2, slots: 10 })
  bench.busy(bench.submit())
  assert.equal(bench.core.traffic().waiting, 1)
  bench.submit()
  assert.equal(bench.core.traffic().waiting, 2, 'it waits for contract 2 and does not fall back to 1')
})

test('the contract is fixed at acceptance', () => {
  const bench = new TestScheduler()
  bench.worker('old', { slots: 1 })
  const [first, second] = bench.submitMany(2) as [string, string]
  bench.worker('new', { contract: 2, slots: 10 })
  assert.deepEqual(bench.order, [first])
  bench.finish(first)
  assert.equal(bench.last(second).contract, 1)
})

/** A worker that counts how often it is asked whether it serves. */
class Watched extends Worker {
  looks = 0

  override get isServing(): boolean {
    this.looks++
    return super.isServing
  }
}

function serving(id: string, sinceAt: number, facts: object = {}): Watched {
  const worker = new Watched(workerFacts(id, facts))
  worker.limit = 1
  worker.servingSinceAt = sinceAt
  return worker
}

test('whether anybody has served for so long costs no look at each while nobody can have', () => {
  const directory = new Directory(() => 0.5)
  const workers = Array.from({ length: 100 }, (_, index) => serving(`w${index}`, 1_000 + index))
  for (const worker of workers) {
    worker.servingSinceAt = undefined
    directory.sort(worker)
    assert.equal(directory.hasServing('default', 999), false)
    worker.servingSinceAt = 1_000 + Number(worker.id.slice(1))
  }
  const looks = workers.reduce((sum, worker) => sum + worker.looks, 0)
  assert.ok(looks < 3 * workers.length, `${looks} looks`)
  assert.equal(directory.hasServing('default', 1_000), true)
  assert.equal(directory.hasServing('other', 1_000), false)
})

test('who has served for long leaves, goes silent or comes from another group: the answer follows', () => {
  const directory = new Directory(() => 0.5)
  const [old, young, other] = [serving('old', 1), serving('young', 50), serving('other', 2, { group: 'b' })]
  for (const worker of [old, young, other]) directory.sort(worker)
  assert.equal(directory.hasServing('default', 10), true)
  directory.remove(old)
  assert.equal(directory.hasServing('default', 10), false)
  assert.equal(directory.hasServing('default', 50), true)
  other.facts = workerFacts('other', {})
  directory.sort(other)
  assert.equal(directory.hasServing('default', 10), true)
  other.trouble = { kind: 'silent', sinceAt: 60 }
  assert.equal(directory.hasServing('default', 10), false)
  other.trouble = undefined
  assert.equal(directory.hasServing('default', 10), true)
})

test('the lane of a task that names its function alone is the right one after every change', () => {
  const directory = new Directory(() => 0.5)
  const plain = { group: 'default', function: 'work', selector: ANY_WORKER }
  const contractOf = () => directory.laneOf(plain)?.needs.contract
  assert.equal(contractOf(), undefined)
  const [one, two] = [new Worker(workerFacts('w1', {})), new Worker(workerFacts('w2', { contract: 2 }))]
  one.servingSlots = 4
  directory.sort(one)
  assert.equal(directory.laneOf(plain), directory.find(needs()))
  assert.equal(directory.laneOf(plain), directory.laneOf(plain))
  assert.equal(contractOf(), 1)
  directory.sort(two)
  assert.equal(contractOf(), 1)
  two.servingSlots = 4
  directory.forgetContracts()
  assert.equal(contractOf(), 2)
  directory.setDefaultContract('default', undefined, 1)
  assert.equal(contractOf(), 1)
  directory.setDefaultContract('default', undefined, undefined)
  assert.equal(contractOf(), 2)
  assert.equal(directory.laneOf({ ...plain, contract: 1 })?.needs.contract, 1)
  assert.equal(
    directory.laneOf({ ...plain, selector: compileSelector({ a: 'b' }) })?.needs.selector.key !== '',
    true,
  )
  assert.equal(contractOf(), 2)
  directory.remove(two)
  assert.equal(contractOf(), 1)
  directory.remove(one)
  assert.equal(directory.laneOf(plain), undefined)
})

test('functions that share a place among the plain lanes have each their own lane', () => {
  const names = Array.from({ length: 300 }, (_, index) => `f${String(index).padStart(3, '0')}`)
  const { functions } = workerFacts('w', {})
  const facts = functions.get('work') ?? assert.fail()
  const directory = new Directory(() => 0.5)
  directory.sort(new Worker(workerFacts('w', { functions: new Map(names.map((name) => [name, facts])) })))
  for (let turn = 0; turn < 2; turn++)
    for (const name of names) {
      const lane = directory.laneOf({ group: 'default', function: name, selector: ANY_WORKER })
      assert.equal(lane?.needs.function, name)
    }
})
