/** What a run on disk is refused for before it is written: more when its caller waits. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANY_WORKER, compileSelector } from '@berth/protocol'
import type { Wanted } from '../ports/durable-tasks.ts'
import { TestScheduler } from './test-scheduler.ts'

const wanted: Wanted = { group: 'default', function: 'work', contract: undefined, selector: ANY_WORKER }

function ask(b: TestScheduler, changes: Partial<Wanted> = {}): string {
  const fixed = b.core.fixContract({ ...wanted, ...changes }, b.now)
  return fixed.kind === 'refused' ? fixed.error.code : fixed.kind
}
const both = (b: TestScheduler, changes: Partial<Wanted> = {}) =>
  [false, true].map((isWaitedFor) => ask(b, { ...changes, isWaitedFor }))

test('nobody in service, or no fitting tags: only a caller who waits is refused', () => {
  const b = new TestScheduler()
  b.worker('w', { tags: { gpu: 'a' } })
  assert.deepEqual(both(b), ['fixed', 'fixed'])
  assert.deepEqual(both(b, { selector: compileSelector({ gpu: 'b' }) }), ['fixed', 'NO_CAPACITY'])
  b.worker('w', { isInService: false, outReason: 'maintenance' })
  assert.deepEqual(both(b), ['fixed', 'NO_CAPACITY'])
})

test('a pause of the function, the group or the key', () => {
  const b = new TestScheduler()
  b.worker('w')
  const group = 'default'
  for (const target of [{ group }, { group, function: 'work' }, { group, fairnessKey: 'k' }]) {
    b.core.setLimits(target, { paused: {} }, b.now)
    assert.deepEqual(both(b, { fairnessKey: 'k' }), ['fixed', 'PAUSED'], JSON.stringify(target))
    b.core.setLimits(target, {}, b.now)
    assert.deepEqual(both(b, { fairnessKey: 'k' }), ['fixed', 'fixed'])
  }
})

test('a function that nobody serves is refused in any case, once the fleet has answered', () => {
  const b = new TestScheduler()
  b.worker('w')
  assert.deepEqual(both(b, { function: 'other' }), ['UNKNOWN_FUNCTION', 'UNKNOWN_FUNCTION'])
  const starting = new TestScheduler({ isStarting: true })
  assert.deepEqual(both(starting), ['unsettled', 'unsettled'])
  starting.worker('w', { isInService: false, outReason: 'connecting' })
  assert.deepEqual(both(starting, { contract: 1 }), ['fixed', 'fixed'])
})
