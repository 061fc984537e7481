import { describe, expect, test } from 'vitest'
import { samplePoint } from '../testing/samples.ts'
import { MAX_CHART_POINTS, mergePoints, stepOf, summarise } from './merge-points.ts'

test('a point a second up to 300, wider buckets beyond', () => {
  expect([60, 300, 301, 900].map(stepOf)).toEqual([1, 1, 2, 3])
  for (const range of [60, 300, 900]) {
    expect(mergePoints([], range, 10_000).length).toBeLessThanOrEqual(MAX_CHART_POINTS)
  }
})

test('a second without a point is a gap, never zero', () => {
  const merged = mergePoints([samplePoint(1_000), samplePoint(1_002)], 4, 1_003.5)
  expect(merged.map((point) => point.t)).toEqual([999, 1_000, 1_001, 1_002])
  expect(merged.map((point) => point.used)).toEqual([null, 3, null, 3])
  expect(merged.map((point) => point.completed)).toEqual([null, 2, null, 2])
})

test('unknown slots are a gap while throughput of the same second is drawn', () => {
  const [point] = mergePoints([samplePoint(1_000, { slots: null })], 1, 1_001)
  expect(point).toMatchObject({ used: null, free: null, completed: 2 })
})

test('the newest, incomplete second is left out', () => {
  const merged = mergePoints([samplePoint(1_000), samplePoint(1_001)], 2, 1_001.9)
  expect(merged.map((point) => point.t)).toEqual([999, 1_000])
})

describe('buckets of three seconds', () => {
  const points = [
    samplePoint(1_200, { completed: 3 }),
    samplePoint(1_201, { completed: 6, slots: { used: 6, free: 2, maintenance: 0, stalled: 0 } }),
    samplePoint(1_203, { completed: 9 }),
    samplePoint(1_204, { completed: 9 }),
  ]

  test('hold the mean of their known seconds', () => {
    const merged = mergePoints(points, 900, 1_203)
    expect(merged.at(-1)).toMatchObject({ t: 1_200, completed: 4.5, used: 4.5 })
  })

  test('lie on multiples of their width, and the unfinished one is left out', () => {
    for (const now of [1_203, 1_204, 1_205.9]) expect(mergePoints(points, 900, now).at(-1)?.t).toBe(1_200)
    expect(mergePoints(points, 900, 1_206).at(-1)?.t).toBe(1_203)
  })
})

describe('summary', () => {
  test('counts the range only', () => {
    const points = [samplePoint(100, { completed: 50 }), samplePoint(995), samplePoint(999, { failed: 1 })]
    expect(summarise(points, 60, 1_000)).toEqual({
      meanUsed: 3,
      mostUsed: 3,
      limitNow: 8,
      submitted: 4,
      completed: 4,
      failed: 1,
    })
  })

  test('of nothing is unknown', () => {
    expect(summarise([], 60, 1_000)).toEqual({
      meanUsed: null,
      mostUsed: null,
      limitNow: null,
      submitted: null,
      completed: null,
      failed: null,
    })
  })
})
