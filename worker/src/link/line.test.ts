/** A queue that is added to and taken from at every task. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Line } from './line.ts'

describe('Line', () => {
  it('gives back in order what was added, and tells what is left', () => {
    const line = new Line<number>()
    const expected: number[] = []
    assert.equal(line.take(), undefined)
    for (let turn = 0; turn < 500; turn++) {
      const isGrowing = turn % 100 < 50
      for (let count = 0; count < (isGrowing ? 3 : 1); count++) {
        line.add(turn * 10 + count)
        expected.push(turn * 10 + count)
      }
      for (let count = 0; count < (isGrowing ? 1 : 3); count++) assert.equal(line.take(), expected.shift())
      assert.equal(line.size, expected.length)
      if (turn % 25 === 0) assert.deepEqual([...line], expected)
    }
  })
})
