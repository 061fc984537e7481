import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Condition } from './condition.ts'

const B1 = { bootId: 'b1', name: 'pod-1' }

function makeReady(): Condition {
  const condition = new Condition()
  condition.started()
  return condition
}

describe('Condition', () => {
  it('goes from starting to ready', () => {
    const condition = new Condition()
    assert.deepEqual([condition.status, condition.isRunnable], ['starting', false])
    condition.started()
    assert.deepEqual([condition.status, condition.isRunnable], ['ready', true])
  })

  it('keeps the two masters of maintenance apart', () => {
    const condition = makeReady()
    condition.link(B1)
    condition.off()
    condition.obey({ on: true, by: 'file' }, 'b1')
    condition.on()
    assert.equal(condition.status, 'maintenance', 'the file still says so')
    condition.off()
    condition.obey({ on: false, by: 'file' }, 'b1')
    assert.equal(condition.status, 'maintenance', 'its own still holds')
    condition.obey({ on: false, by: 'operator' }, 'b1')
    assert.equal(condition.status, 'ready', 'an operator’s `on` ends both')
  })

  it('runs what waits in maintenance and while draining, not while a service is down', () => {
    const condition = makeReady()
    condition.off()
    assert.equal(condition.isRunnable, true)
    condition.setDown('db is down')
    assert.deepEqual([condition.status, condition.isRunnable], ['maintenance', false])
    condition.on()
    assert.deepEqual([condition.status, condition.reason], ['unready', 'db is down'])
    condition.drain()
    condition.setDown(undefined)
    assert.deepEqual([condition.status, condition.isRunnable], ['draining', true])
  })

  it('tells of changes only', () => {
    const condition = makeReady()
    let told = 0
    const stop = condition.onChange(() => told++)
    condition.on()
    condition.setDown(undefined)
    assert.equal(told, 0)
    condition.setDown('a')
    condition.setDown('b')
    assert.equal(told, 2)
    stop()
    condition.drain()
    assert.equal(told, 2)
  })
})

describe('the orders of several balancers', () => {
  it('are kept apart by boot, also when they bear one name', () => {
    const condition = makeReady()
    condition.link(B1)
    condition.link({ bootId: 'b2', name: B1.name })
    condition.obey({ on: true, by: 'operator', reason: 'disk' }, 'b1')
    condition.obey({ on: false, by: 'file' }, 'b2')
    assert.deepEqual([condition.status, condition.reason], ['maintenance', 'maintenance by operator: disk'])
    condition.obey({ on: false, by: 'file' }, 'b1')
    assert.equal(condition.status, 'ready')
  })

  it('all end by an operator’s `on`, but for the file of one that is linked', () => {
    const condition = makeReady()
    for (const bootId of ['b1', 'b2', 'b3']) condition.link({ bootId, name: bootId })
    condition.off()
    condition.obey({ on: true, by: 'operator' }, 'b1')
    condition.obey({ on: true, by: 'file' }, 'b2')
    condition.obey({ on: false, by: 'operator' }, 'b3')
    assert.deepEqual([condition.status, condition.reason], ['maintenance', 'maintenance by file'])
    condition.unlink('b2', 30_000)
    condition.obey({ on: false, by: 'operator' }, 'b3')
    assert.equal(condition.status, 'ready', 'nobody holds that file any more')
  })

  it('outlast a link by the lease of their balancer, and no longer', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const condition = makeReady()
    condition.link(B1)
    condition.obey({ on: true, by: 'operator' }, 'b1')
    condition.unlink('b1', 1_000)
    t.mock.timers.tick(999)
    condition.link(B1)
    t.mock.timers.tick(10_000)
    assert.equal(condition.status, 'maintenance', 'it was back in time')
    condition.link(B1)
    condition.unlink('b1', 1_000)
    t.mock.timers.tick(10_000)
    assert.equal(condition.status, 'maintenance', 'its newer link still stands')
    condition.unlink('b1', 1_000)
    t.mock.timers.tick(999)
    assert.equal(condition.status, 'maintenance')
    t.mock.timers.tick(1)
    assert.equal(condition.status, 'ready')
  })

  it('end when a balancer of the same name has taken the place of one that is gone', () => {
    const condition = makeReady()
    const seen: string[] = []
    condition.link(B1)
    condition.obey({ on: true, by: 'file' }, 'b1')
    condition.unlink('b1', 30_000)
    condition.onChange(() => seen.push(condition.status))
    condition.link({ bootId: 'b2', name: B1.name })
    condition.obey({ on: true, by: 'file' }, 'b2')
    assert.deepEqual(seen, [], 'it was never in service in between')
    condition.obey({ on: false, by: 'file' }, 'b2')
    assert.deepEqual(seen, ['ready'])
  })

  it('of a balancer without a link count for nothing', () => {
    const condition = makeReady()
    condition.obey({ on: true, by: 'operator' }, 'b1')
    assert.equal(condition.status, 'ready')
  })
})
