import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Condition } from './condition.ts'

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

  it('keeps the orders of two balancers apart', () => {
    const condition = makeReady()
    condition.obey({ on: true, by: 'operator', reason: 'disk' }, 'b1')
    condition.obey({ on: false, by: 'file' }, 'b2')
    assert.deepEqual([condition.status, condition.reason], ['maintenance', 'maintenance by operator: disk'])
    condition.obey({ on: false, by: 'operator' }, 'b1')
    assert.equal(condition.status, 'ready')
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
