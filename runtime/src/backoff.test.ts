/** Delays grow by the factor up to the bound, and chance only makes them shorter. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBackoff } from './backoff.ts'

test('without jitter the delays double up to the longest, and begin again after a reset', () => {
  const backoff = createBackoff({ baseMs: 500, maxMs: 3000, jitter: 0 })
  assert.deepEqual(
    Array.from({ length: 5 }, () => backoff.next()),
    [500, 1000, 2000, 3000, 3000],
  )
  backoff.reset()
  assert.equal(backoff.next(), 500)
})

test('jitter takes away at most its share', () => {
  const least = createBackoff({ baseMs: 100, maxMs: 1000, random: () => 0 })
  assert.deepEqual([least.next(), least.next()], [50, 100])
  const most = createBackoff({ baseMs: 100, maxMs: 1000, factor: 3, random: () => 1 })
  assert.deepEqual([most.next(), most.next()], [100, 300])
})
