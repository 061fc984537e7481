import { describe, expect, test } from 'vitest'
import { RowList } from './row-list.ts'

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index)

describe('a list of rows', () => {
  test('is what an array would be, whatever is added and cut off', () => {
    let list = RowList.of<number>([])
    let plain: number[] = []
    let next = 0
    // Numbers without a common factor with the size of a piece, and some around it.
    for (const [added, dropped] of [
      [1, 0],
      [511, 1],
      [512, 0],
      [3, 600],
      [1_025, 2],
      [0, 511],
      [700, 937],
      [1, 1],
    ]) {
      const rows = numbers(next, added ?? 0)
      next += rows.length
      list = list.append(rows).drop(dropped ?? 0)
      plain = [...plain, ...rows].slice(dropped)
      expect([...list]).toEqual(plain)
      expect(list.length).toBe(plain.length)
      expect([list.at(0), list.last, list.at(-1), list.at(plain.length)]).toEqual([
        plain[0],
        plain.at(-1),
        undefined,
        undefined,
      ])
      expect(list.slice(5, 530)).toEqual(plain.slice(5, 530))
    }
  })

  test('can lose everything', () => {
    const list = RowList.of(numbers(0, 600))
    expect([...list.drop(600)]).toEqual([])
    expect([...list.drop(9_000).append([7])]).toEqual([7])
  })

  test('stays what it was when another is made of it', () => {
    const old = RowList.of(numbers(0, 700)).drop(3)
    const changed = old.with(600, -1).append([8, 9]).drop(2)
    expect([...old]).toEqual(numbers(3, 697))
    expect(changed.at(598)).toBe(-1)
    expect(changed.last).toBe(9)
    expect(old.with(700, -1)).toBe(old)
  })
})
