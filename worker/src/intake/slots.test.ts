import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Claim, Slots } from './slots.ts'

interface Item extends Claim {
  readonly name: string
}

const item = (name: string, priority = 100, cost = 1): Item => ({ name, priority, cost })

function takeAll(slots: Slots<Item>): string[] {
  const names: string[] = []
  for (let head = slots.head(); head; head = slots.head()) {
    slots.remove(head)
    names.push(head.name)
  }
  return names
}

describe('Slots', () => {
  it('counts what is taken, and refuses to go below or beyond', () => {
    const slots = new Slots<Item>(3, 10)
    slots.reserve(2)
    assert.equal(slots.hasRoom(1), true)
    assert.equal(slots.hasRoom(2), false)
    assert.throws(() => slots.reserve(2), RangeError)
    slots.release(2)
    assert.throws(() => slots.release(1), RangeError)
    assert.equal(slots.used, 0)
  })

  it('serves priority 1 first, then in order of arrival', () => {
    const slots = new Slots<Item>(1, 10)
    for (const [name, priority] of [
      ['a', 100],
      ['b', 1],
      ['c', 100],
      ['d', 2],
      ['e', 1],
    ] as const)
      assert.equal(slots.enqueue(item(name, priority)), true)
    assert.deepEqual(takeAll(slots), ['b', 'e', 'd', 'a', 'c'])
  })

  it('bounds the queue', () => {
    const slots = new Slots<Item>(1, 1)
    assert.equal(slots.enqueue(item('a')), true)
    assert.equal(slots.enqueue(item('b', 1)), false)
    assert.equal(slots.queued, 1)
    assert.equal(new Slots<Item>(1, 0).enqueue(item('a')), false)
  })

  it('takes an item out wherever it stands, once', () => {
    const slots = new Slots<Item>(1, 1000)
    const items = Array.from({ length: 500 }, (_, index) => item(`t${index}`, (index * 7) % 11 || 1))
    for (const entry of items) slots.enqueue(entry)
    for (const entry of items.slice(0, 490)) assert.equal(slots.remove(entry), true)
    assert.equal(slots.remove(items[0] as Item), false)
    assert.equal(slots.queued, 10)
    const expected = items
      .slice(490)
      .toSorted((a, b) => a.priority - b.priority)
      .map(({ name }) => name)
    assert.deepEqual(takeAll(slots), expected)
  })
})
