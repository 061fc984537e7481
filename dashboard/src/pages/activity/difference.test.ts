import { describe, expect, it } from 'vitest'
import { differenceOf } from './difference.ts'

describe('what differs', () => {
  it('is told a member at a time, lists as one', () => {
    const before = { a: 1, b: { c: 'x', same: true }, list: [1, 2], gone: null }
    const after = { a: 2, b: { c: 'y', same: true, d: 0 }, list: [1, 3] }
    expect(differenceOf(before, after).changes).toEqual([
      { path: 'a', before: 1, after: 2 },
      { path: 'b.c', before: 'x', after: 'y' },
      { path: 'b.d', before: undefined, after: 0 },
      { path: 'list', before: [1, 2], after: [1, 3] },
      { path: 'gone', before: null, after: undefined },
    ])
  })

  it('is nothing between equals, and the whole where there is nothing else', () => {
    expect(differenceOf({ a: [1] }, { a: [1] }).changes).toEqual([])
    expect(differenceOf(null, null).changes).toEqual([])
    expect(differenceOf(null, { a: 1 }).changes).toEqual([{ path: 'a', before: undefined, after: 1 }])
    expect(differenceOf('x', { a: 1 }).changes).toEqual([{ path: '', before: 'x', after: { a: 1 } }])
  })

  it('is bounded and counts the rest', () => {
    const after = Object.fromEntries(Array.from({ length: 250 }, (_, n) => [`m${n}`, n]))
    const { changes, more } = differenceOf({}, after)
    expect([changes.length, more]).toEqual([200, 50])
  })

  it('reads members called like those of every object as they are', () => {
    const after = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}')
    expect(differenceOf({}, after).changes.map(({ path }) => path)).toEqual(['__proto__.x', 'constructor'])
  })
})
