/** The heap gives its elements out in order, whatever the order they came in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heap } from './heap.ts'

test('an empty heap gives nothing', () => {
  const heap = new Heap<number>((a, b) => a - b)
  assert.deepEqual([heap.size, heap.peek(), heap.pop()], [0, undefined, undefined])
})

test('elements come out in order, with pushes in between', () => {
  let seed = 42
  const random = () => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31
    return seed % 100
  }
  const heap = new Heap<number>((a, b) => a - b)
  const model: number[] = []
  for (let step = 0; step < 2000; step++) {
    if (random() < 60) {
      const value = random()
      heap.push(value)
      model.push(value)
    } else {
      model.sort((a, b) => a - b)
      assert.equal(heap.peek(), model[0])
      assert.equal(heap.pop(), model.shift())
    }
    assert.equal(heap.size, model.length)
  }
})
