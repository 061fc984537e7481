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

  it('knows at least the newest half of its limit, each by its own fence', () => {
    const limit = 1_000
    const fences = new Fences(limit)
    const idOf = (index: number) => `r_${String(index).padStart(26, '0')}`
    for (let index = 0; index < 5 * limit; index++) {
      assert.equal(fences.note(idOf(index), 10 + index), true)
      const oldest = Math.max(0, index + 1 - limit / 2)
      if (index % 97 > 0) continue
      for (let known = oldest; known <= index; known++) {
        assert.equal(fences.note(idOf(known), 9 + known), false, `${known} after ${index}`)
        assert.equal(fences.note(idOf(known), 0), false)
      }
    }
    assert.equal(fences.note(idOf(0), 0), true, 'bounded')
  })
})
