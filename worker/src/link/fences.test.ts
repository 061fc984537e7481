/** What is known of recent fences. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Fences } from './fences.ts'

describe('Fences', () => {
  it('refuses what is lower, and forgets the runs not heard of for longest', () => {
    const fences = new Fences(2)
    assert.equal(fences.note('a', 5), true)
    assert.equal(fences.note('a', 5), true)
    assert.equal(fences.note('a', 4), false)
    fences.note('b', 1)
    fences.note('a', 6)
    fences.note('c', 1)
    assert.equal(fences.note('a', 5), false, 'kept: it was heard of last')
    assert.equal(fences.note('b', 0), true, 'forgotten')
  })
})
