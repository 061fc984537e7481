/** Ids of runs. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { makeRunId } from './run-id.ts'

describe('makeRunId', () => {
  it('sorts by time and does not repeat', () => {
    const ids = [1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000].map(makeRunId)
    assert.deepEqual(ids.toSorted(), ids)
    for (const id of ids) assert.match(id, /^r_[0-9a-hjkmnp-tv-z]{26}$/)
    assert.equal(new Set(Array.from({ length: 1000 }, () => makeRunId(1))).size, 1000)
  })
})
