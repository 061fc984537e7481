import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRunIds } from './run-id.ts'

test('the format, and one that names its balancer', () => {
  const ids = createRunIds(33, () => 1_800_000_000_000)
  const id = ids()
  assert.match(id, /^r_[0-9a-hjkmnp-tv-z]{26}$/)
  assert.equal(id.slice(12, 16), '0011')
  assert.match(createRunIds(2 ** 40 + 1, Date.now)(), /^r_[0-9a-hjkmnp-tv-z]{26}$/)
})

test('100,000 are unique and sorted, within a millisecond and over many', () => {
  let now = 1_800_000_000_000
  const createId = createRunIds(1, () => now)
  const ids: string[] = []
  for (let i = 0; i < 100_000; i++) {
    if (i % 1000 === 0) now += 1
    ids.push(createId())
  }
  assert.equal(new Set(ids).size, ids.length)
  assert.deepEqual(ids.toSorted(), ids)
})

test('a clock that goes back does not turn the order', () => {
  let now = 1_800_000_000_000
  const createId = createRunIds(1, () => now)
  const before = createId()
  now -= 3_600_000
  assert.ok(createId() > before)
})

test('two balancers, or two starts, in one millisecond do not meet', () => {
  const ids = [1, 2, 1].map((boot) => createRunIds(boot, () => 1_800_000_000_000)())
  assert.equal(new Set(ids).size, 3)
})
