import { expect, test } from 'vitest'
import { formatTick, logTicks, timeTicks, valueTicks } from './axis.ts'
import type { ChartData } from './chart-data.ts'
import { toCsv } from './csv.ts'
import { bucketAt, type ChartSeries, groupMarkers, makePlot, stretchesAbove } from './plot-model.ts'
import { linesOf } from './sparkline.tsx'

const AT = Date.UTC(2026, 0, 1, 22)
const STEP = 60_000

function data(columns: Record<string, (number | null)[]>, partialAt = 99): ChartData {
  const length = Object.values(columns)[0]?.length ?? 0
  return {
    times: Array.from({ length }, (_, at) => AT + at * STEP),
    stepMs: STEP,
    partialMs: AT + Math.min(partialAt, length) * STEP,
    columns: new Map(Object.entries(columns)),
    markers: [],
  }
}

const series = (...draws: ChartSeries['draw'][]): ChartSeries[] =>
  draws.map((draw, at) => ({ key: `k${at}`, label: `K${at}`, color: 'c1', draw }))
const linear = { scale: 'linear', factor: 1, isWhole: false, limits: [], least: 0 } as const

test('what is not over yet stands apart, joined to the last whole bucket', () => {
  const plot = makePlot(data({ k0: [1, 2, 3] }, 2), series('line'), linear)
  expect(plot.hasPartial).toBe(true)
  expect(plot.rows.map(({ c0 }) => c0)).toEqual([1, 2, null])
  expect(plot.rows.map(({ p0 }) => p0)).toEqual([null, 2, 3])
  const bars = makePlot(data({ k0: [1, 2, 3] }, 2), series('bar'), linear)
  expect(bars.rows.map(({ p0 }) => p0)).toEqual([null, null, 3])
  expect(makePlot(data({ k0: [1, 2] }), series('line'), linear).hasPartial).toBe(false)
})

test('gaps are gaps, not zeros', () => {
  const plot = makePlot(data({ k0: [1, null, 0] }), series('area'), linear)
  expect(plot.rows.map(({ c0 }) => c0)).toEqual([1, null, 0])
})

test('the axis begins at 0 and holds what is stacked, what is drawn above it, and its limits', () => {
  const columns = { k0: [10, 20], k1: [15, 15], k2: [1, 31] }
  expect(makePlot(data(columns), series('area', 'area', 'line'), linear).yDomain).toEqual([0, 40])
  expect(makePlot(data({ k0: [1] }), series('line'), { ...linear, limits: [30] }).yDomain).toEqual([0, 30])
  expect(makePlot(data({ k0: [null] }), series('line'), linear).yDomain).toEqual([0, 1])
})

test('a logarithmic axis has whole decades, and nothing at 0', () => {
  const log = { ...linear, scale: 'log', factor: 0.001 } as const
  const plot = makePlot(data({ k0: [0, 40, 3_000] }), series('line'), log)
  expect(plot.yDomain).toEqual([0.01, 10])
  expect(plot.rows.map(({ c0 }) => c0)).toEqual([null, 0.04, 3])
  expect(logTicks(0.5, 0.5)).toEqual([0.1, 1])
})

test('marks of values are round', () => {
  expect(valueTicks(37, false)).toEqual([0, 10, 20, 30, 40])
  expect(valueTicks(1, true)).toEqual([0, 1])
  expect(valueTicks(3, true)).toEqual([0, 1, 2, 3])
  expect(valueTicks(0.2, false)).toEqual([0, 0.05, 0.1, 0.15, 0.2])
})

test('marks of time lie on round instants of the zone', () => {
  const ticks = timeTicks(AT, AT + 3 * 3_600_000, 'utc', 4)
  expect(ticks.map((ms) => new Date(ms).toISOString().slice(11, 16))).toEqual([
    '22:00',
    '23:00',
    '00:00',
    '01:00',
  ])
  expect(formatTick(ticks[2] ?? 0, 3 * 3_600_000, 'utc')).toMatch(/2/)
  expect(formatTick(ticks[1] ?? 0, 3 * 3_600_000, 'utc')).toBe('23:00')
})

test('markers stand at their buckets, those outside nowhere', () => {
  const marker = (ms: number) => ({ at: new Date(ms).toISOString(), kind: 'deploy' as const, text: 'v2' })
  const markers = [marker(AT - 1), marker(AT + 30_000), marker(AT + 59_999), marker(AT + 2 * STEP)]
  const grouped = groupMarkers({ ...data({ k0: [1, 2] }), markers })
  expect([...grouped].map(([time, all]) => [time, all.length])).toEqual([[AT, 2]])
  expect(bucketAt(data({ k0: [1, 2] }), AT + 10 * STEP)).toBe(1)
})

test('stretches are where one is above the other, joined', () => {
  const all = data({ a: [3, 3, 3, 3, 1, 1, 1, 1, null, 5], b: [2, 2, 2, 2, 2, 2, 2, 2, 1, 4] })
  const found = stretchesAbove(all, all.columns.get('a') ?? [], all.columns.get('b') ?? [])
  expect(found).toEqual([
    { fromMs: AT, toMs: AT + 4 * STEP },
    { fromMs: AT + 9 * STEP, toMs: AT + 10 * STEP },
  ])
})

test('a text that a spreadsheet would run is text', () => {
  expect(
    toCsv([
      ['=HYPERLINK("x")', '+1', '-1', '@a', ' =1', '\t=1'],
      ['a,b', 'c"d', "it's", 3, null],
    ]),
  ).toBe(`"'=HYPERLINK(""x"")","'+1","'-1","'@a","' =1","'\t=1"\r\n"a,b","c""d","it's",3,\r\n`)
})

test('a sparkline has a stretch for each run of known values', () => {
  expect(linesOf([null, 1, 2, null, 3])).toEqual([
    { from: 1, values: [1, 2] },
    { from: 4, values: [3] },
  ])
})
