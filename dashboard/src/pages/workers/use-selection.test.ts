import { act, renderHook } from '@testing-library/react'
import { expect, test } from 'vitest'
import { useSelection, withoutGone } from './use-selection.ts'

const fleet = (count: number) => new Map(Array.from({ length: count }, (_, n) => [`w${n}`, {}]))

test('who has left is forgotten, and a set of those who are there stays the same set', () => {
  const chosen = new Set(['w1', 'w4'])
  expect(withoutGone(chosen, fleet(5))).toBe(chosen)
  expect([...withoutGone(chosen, fleet(3))]).toEqual(['w1'])
  expect([...withoutGone(chosen, fleet(0))]).toEqual([])
})

test.each([1_000, 2_000])('who left a fleet that has %i then is forgotten', (left) => {
  expect([...withoutGone(new Set(['w1', 'w2400']), fleet(left))]).toEqual(['w1'])
})

test('who is still to come after a new snapshot of a long fleet has not left, until all are there', () => {
  const { result, rerender } = renderHook(({ count, isWhole }) => useSelection(fleet(count), isWhole), {
    initialProps: { count: 2_500, isWhole: true },
  })
  act(() => result.current[1](new Set(['w1', 'w2400'])))
  for (const count of [1_000, 1_999]) rerender({ count, isWhole: false })
  expect([...result.current[0]]).toEqual(['w1', 'w2400'])
  rerender({ count: 2_300, isWhole: true })
  expect([...result.current[0]]).toEqual(['w1'])
})
