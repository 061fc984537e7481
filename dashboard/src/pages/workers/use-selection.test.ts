import { expect, test } from 'vitest'
import { withoutGone } from './use-selection.ts'

const fleet = (count: number) => new Map(Array.from({ length: count }, (_, n) => [`w${n}`, {}]))

test('who has left is forgotten, and a set of those who are there stays the same set', () => {
  const chosen = new Set(['w1', 'w4'])
  expect(withoutGone(chosen, fleet(5))).toBe(chosen)
  expect([...withoutGone(chosen, fleet(3))]).toEqual(['w1'])
  expect([...withoutGone(chosen, fleet(0))]).toEqual([])
})

test('who is still to come after a new snapshot of a long fleet has not left', () => {
  const chosen = new Set(['w1', 'w2400'])
  for (const known of [1_000, 2_000]) expect(withoutGone(chosen, fleet(known))).toBe(chosen)
  expect(withoutGone(chosen, fleet(2_500))).toBe(chosen)
  expect([...withoutGone(chosen, fleet(2_300))]).toEqual(['w1'])
})
