/** What comes and goes at every task. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Bag } from './bag.ts'

describe('Bag', () => {
  it('holds what was added and not taken out, each once', () => {
    const bag = new Bag<{ name: number; place: number }>()
    const all = Array.from({ length: 50 }, (_, name) => ({ name, place: -1 }))
    const inside = new Set<(typeof all)[0]>()
    for (let turn = 0; turn < 2_000; turn++) {
      const item = all[(turn * 31 + Math.floor(turn / 7)) % all.length] ?? assert.fail()
      if ((turn * 17) % 5 < 2) {
        bag.delete(item)
        inside.delete(item)
      } else {
        bag.add(item)
        inside.add(item)
      }
      assert.equal(bag.size, inside.size)
      assert.deepEqual(new Set(bag), inside)
      assert.equal(item.place >= 0, inside.has(item))
    }
  })

  it('passes over what stands in another one', () => {
    const [mine, other] = [new Bag<{ place: number }>(), new Bag<{ place: number }>()]
    const item = { place: -1 }
    mine.add(item)
    other.add({ place: -1 })
    other.delete(item)
    assert.deepEqual([mine.size, other.size, item.place], [1, 1, 0])
  })
})
