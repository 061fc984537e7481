import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { WorkerView } from '@berth/protocol'
import { ManualClock } from '@berth/runtime'
import type { ActivityEntry } from '../ports/activity.ts'
import type { StoreHealth } from '../ports/store.ts'
import { SystemActivity } from './system-activity.ts'
import { makeWorker } from './test-stage.ts'

function makeBench() {
  const noted: ActivityEntry[] = []
  const bench = {
    workers: [] as WorkerView[],
    isSettled: true,
    health: { state: 'ok' } as StoreHealth,
    noted,
    clock: new ManualClock(),
    /** What is noted since the last time, as action and target. */
    news: () => noted.splice(0).map(({ action, target }) => `${action} ${target.id}`),
    see(...workers: WorkerView[]) {
      bench.workers = workers
      system.look()
      return bench.news()
    },
    get system() {
      return system
    },
  }
  const system = new SystemActivity({
    activity: { record: (entry) => void noted.push(entry) },
    fleet: { workers: () => bench.workers, isSettled: () => bench.isSettled },
    keeper: { health: () => bench.health },
    clock: bench.clock,
    balancer: () => ({ name: 'b1', environment: null, version: '0.1.0', startedAt: '', status: 'ready' }),
  })
  return bench
}

const w = (status: WorkerView['status'], changes: Partial<WorkerView> = {}) =>
  makeWorker('w1', { status, ...changes })

describe('what becomes of workers', () => {
  it('tells nothing of the fleet that it finds', () => {
    const bench = makeBench()
    bench.isSettled = false
    assert.deepEqual(bench.see(w('connecting')), [])
    assert.deepEqual(bench.see(w('ready')), [])
    bench.isSettled = true
    assert.deepEqual(bench.see(w('ready')), [])
    assert.deepEqual(bench.see(w('saturated')), [])
  })

  it('finds a fleet that never settles after five seconds', async (context) => {
    const bench = makeBench()
    bench.isSettled = false
    await bench.system.start()
    context.after(() => bench.system.stop())
    assert.deepEqual(bench.see(w('connecting')), ['balancer.started b1'])
    bench.clock.advance(5_000)
    assert.deepEqual(bench.see(w('connecting')), [])
    assert.deepEqual(bench.see(w('ready')), ['worker.joined w1'])
  })

  it('tells the way of one: joined, silent, lost, back, left', () => {
    const bench = makeBench()
    bench.see()
    assert.deepEqual(bench.see(w('connecting')), [])
    assert.deepEqual(bench.see(w('unreachable')), [], 'it was never there')
    assert.deepEqual(bench.see(w('connecting')), [])
    assert.deepEqual(bench.see(w('ready')), ['worker.joined w1'])
    assert.deepEqual(bench.see(w('stalled')), ['worker.stalled w1'])
    assert.deepEqual(bench.see(w('ready')), ['worker.returned w1'])
    assert.deepEqual(bench.see(w('stalled')), ['worker.stalled w1'])
    assert.deepEqual(bench.see(w('unreachable')), ['worker.lost w1'])
    assert.deepEqual(bench.see(w('connecting')), [])
    assert.deepEqual(bench.see(w('maintenance')), ['worker.returned w1'])
    assert.deepEqual(bench.see(w('leaving')), ['worker.left w1'])
    assert.deepEqual(bench.see(), [])
  })

  it('tells who is left out and taken in again, with the reason', () => {
    const bench = makeBench()
    bench.see(w('ready'))
    bench.workers = [w('ejected', { reason: '5 failures <b>' })]
    bench.system.look()
    assert.equal(bench.noted[0]?.summary, '"w1" was left out (5 failures <b>).')
    assert.deepEqual(bench.news(), ['worker.ejected w1'])
    assert.deepEqual(bench.see(w('ejected')), [])
    assert.deepEqual(bench.see(w('ready')), ['worker.readmitted w1'])
    assert.deepEqual(bench.see(w('mismatch')), ['worker.mismatch w1'])
  })

  it('tells a release: another version, contract or other functions, though it was away meanwhile', () => {
    const bench = makeBench()
    bench.see(w('ready', { version: '1', functions: ['a', 'b'] }))
    assert.deepEqual(bench.see(w('ready', { version: '1', functions: ['b', 'a'] })), [])
    bench.see(w('unreachable', { version: null, contract: null, functions: [] }))
    bench.workers = [w('ready', { version: '2', contract: 2, functions: ['a', 'c', 'd'] })]
    bench.system.look()
    const deployed = bench.noted.find(({ action }) => action === 'worker.deployed')
    assert.equal(
      deployed?.summary,
      '"w1" runs something new: version 1 → 2, contract 1 → 2, 2 functions more, 1 functions less.',
    )
    assert.deepEqual(deployed?.before, { version: '1', contract: 1, functions: ['a', 'b'] })
    assert.deepEqual(bench.news(), ['worker.returned w1', 'worker.deployed w1'])
  })

  it('tells many at once in one entry', () => {
    const bench = makeBench()
    const fleet = (status: WorkerView['status']) =>
      Array.from({ length: 300 }, (_, n) => makeWorker(`w${n}`, { status }))
    bench.see(...fleet('ready'))
    bench.workers = fleet('unreachable')
    bench.system.look()
    assert.deepEqual(
      bench.noted.map(({ summary }) => summary),
      ['300 workers were lost.'],
    )
    const { workers = [] } = (bench.noted[0]?.after ?? {}) as { workers?: string[] }
    assert.equal(workers.length, 200)
  })
})

describe('what becomes of the rest', () => {
  it('tells a store that fails, once, and that it is back', () => {
    const bench = makeBench()
    assert.deepEqual(bench.see(), [])
    bench.health = { state: 'failed', error: 'disk full', since: '' }
    assert.deepEqual(bench.see(), ['store.refused store'])
    assert.deepEqual(bench.see(), [])
    bench.health = { state: 'ok' }
    assert.deepEqual(bench.see(), ['store.back store'])
  })

  it('tells what becomes of workers.json, not what it was at the start', () => {
    const bench = makeBench()
    const { system } = bench
    system.noteRoster([{ id: 'a' }])
    system.noteConfig({ state: 'ok', since: '', warnings: [] })
    assert.deepEqual(bench.news(), [])
    system.noteConfig({ state: 'stale', error: 'no JSON', line: 3, column: 7, since: '', warnings: [] })
    assert.equal(
      bench.noted[0]?.summary,
      'workers.json was not applied: no JSON at line 3, column 7. The last good list stays.',
    )
    system.noteConfig({ state: 'stale', error: 'no JSON', line: 3, column: 7, since: '', warnings: [] })
    assert.deepEqual(bench.news(), ['config.refused workers.json'])
    system.noteConfig({ state: 'ok', since: '', warnings: [] })
    system.noteRoster([{ id: 'b' }, { id: 'c' }])
    assert.deepEqual(bench.noted[0]?.after, { workers: 2, added: ['b', 'c'], removed: ['a'] })
    assert.deepEqual(bench.news(), ['config.applied workers.json'])
  })

  it('tells start and stop', async (context) => {
    const bench = makeBench()
    await bench.system.start()
    context.after(() => bench.system.stop())
    bench.system.noteStopping()
    assert.deepEqual(bench.news(), ['balancer.started b1', 'balancer.stopping b1'])
    assert.deepEqual(bench.noted, [])
  })
})
