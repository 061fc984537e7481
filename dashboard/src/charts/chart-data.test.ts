import type { StatsAnswer } from '@berth/protocol'
import { describe, expect, test } from 'vitest'
import { factsOf, joinAnswers, shareOf, sumColumns, toChartData, topColumns } from './chart-data.ts'

const AT = Date.UTC(2026, 0, 1)

function answer(
  from: number,
  values: readonly (number | null)[],
  changes: Partial<StatsAnswer> = {},
): StatsAnswer {
  const to = from + values.length * 15_000
  return {
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    stepMs: 15_000,
    partial: new Date(to - 15_000).toISOString(),
    note: null,
    series: [{ metric: 'completed', by: 'fleet', of: '', values: [...values] }],
    markers: [],
    ...changes,
  }
}

describe('an answer that is joined to the one before', () => {
  test('puts its buckets in the place of those that were under way, and leaves the old end behind', () => {
    const earlier = answer(AT, [1, 2, 3, 4])
    const later = answer(AT + 30_000, [30, 40, 50])
    const joined = joinAnswers(earlier, later, AT + 16_000)
    expect(joined.from).toBe(new Date(AT + 15_000).toISOString())
    expect(joined.to).toBe(later.to)
    expect(joined.series[0]?.values).toEqual([2, 30, 40, 50])
  })

  test('has nothing of what either did not know', () => {
    const earlier = answer(AT, [1, 2])
    const other = { metric: 'completed', by: 'group' as const, of: 'b', values: [7, 8] }
    const joined = joinAnswers(earlier, answer(AT + 15_000, [9, 9], { series: [other] }), AT)
    expect(joined.series.map(({ of, values }) => [of, values])).toEqual([
      ['', [1, null, null]],
      ['b', [null, 7, 8]],
    ])
  })

  test('stands alone when steps differ or there is a hole between', () => {
    const later = answer(AT + 15_000, [5, 6], { stepMs: 30_000 })
    expect(joinAnswers(answer(AT, [1, 2]), later, AT)).toBe(later)
    const far = answer(AT + 600_000, [1])
    expect(joinAnswers(answer(AT, [1, 2]), far, AT)).toBe(far)
  })

  test('tells each marker once', () => {
    const marker = { at: new Date(AT + 20_000).toISOString(), kind: 'config' as const, text: 'changed' }
    const old = { at: new Date(AT).toISOString(), kind: 'start' as const, text: 'began' }
    const earlier = answer(AT, [1, 2, 3], { markers: [old, marker] })
    const joined = joinAnswers(earlier, answer(AT + 30_000, [1, 1], { markers: [marker] }), AT + 15_000)
    expect(joined.markers).toEqual([marker])
  })
})

test('columns have a name for each series, and gaps stay gaps', () => {
  const series = [
    { metric: 'waiting', by: 'group' as const, of: 'a b', values: [1, null] },
    { metric: 'runMs.histogram', by: 'group' as const, of: 'c', values: [[1, 2], null] },
  ]
  const data = toChartData(answer(AT, [0, 0], { series }))
  expect(data.times).toEqual([AT, AT + 15_000])
  expect([...data.columns]).toEqual([
    ['waiting a b', [1, null]],
    ['runMs.histogram c', [null, null]],
  ])
})

test('facts are of what is known', () => {
  expect(factsOf([null, 2, 4, null], 15_000)).toEqual({ mean: 3, most: 4, least: 2, last: 4, total: 90 })
  expect(factsOf([null], 1_000).total).toBeNull()
})

test('columns beyond the first ones are one, and so is what was beyond before', () => {
  const columns = new Map([
    ['a', [1, 1]],
    ['b', [5, 5]],
    ['c', [3, null]],
    ['other', [10, 1]],
  ])
  expect([...topColumns(columns, 1, 'other')]).toEqual([
    ['b', [5, 5]],
    ['other', [14, 2]],
  ])
  expect([...topColumns(new Map([['a', [1]]]), 2, 'other').keys()]).toEqual(['a'])
  expect(
    sumColumns([
      [null, 1],
      [null, null],
    ]),
  ).toEqual([null, 1])
  expect(shareOf([1, null, 2], [4, 4, 0])).toEqual([0.25, null, null])
})
