import { describe, expect, test } from 'vitest'
import { sampleWorker } from '../../testing/samples.ts'
import { boxOf, type GridLayout, indexAt, layoutGrid, stepFrom } from './grid-layout.ts'
import { groupingKeys, groupWorkers } from './grid-sections.ts'

const sections = (...counts: number[]) =>
  counts.map((count, i) => ({ key: `g${i}`, label: `group ${i}`, count }))

function boxesOf(layout: GridLayout) {
  return Array.from({ length: layout.count }, (_, i) => boxOf(layout, i))
}

describe('the layout', () => {
  test.each([
    [[1_000], 1_280, 640],
    [[400, 300, 200, 100], 1_280, 640],
    [Array.from({ length: 40 }, () => 25), 1_280, 640],
    [[10_000], 1_280, 700],
    [[6_000, 3_000, 900, 99, 1], 1_280, 700],
    [[1_000], 360, 560],
  ])('%j in %d × %d: all on one screen, nobody on another', (counts, width, height) => {
    const layout = layoutGrid(sections(...counts), width, height)
    expect(layout.height).toBeLessThanOrEqual(height)
    const seen = new Set<string>()
    for (const [i, box] of boxesOf(layout).entries()) {
      if (!box) throw new Error(`no box ${i}`)
      expect(box.x + box.size).toBeLessThanOrEqual(width)
      expect(box.y + box.size).toBeLessThanOrEqual(layout.height)
      seen.add(`${box.x} ${box.y}`)
      expect(indexAt(layout, box.x + 1, box.y + 1)).toBe(i)
    }
    expect(seen.size).toBe(counts.reduce((sum, n) => sum + n, 0))
  })

  test('squares are as large as they may be, and never larger than useful', () => {
    expect(layoutGrid(sections(3), 1_280, 640).cell).toBe(40)
    const few = layoutGrid(sections(1_000), 1_280, 640)
    const many = layoutGrid(sections(8_000), 1_280, 640)
    expect(few.cell).toBeGreaterThan(many.cell)
    expect(few.cell).toBeGreaterThanOrEqual(24)
  })

  test('what does not fit even so grows downwards', () => {
    const layout = layoutGrid(sections(10_000), 300, 200)
    expect(layout.cell).toBe(6)
    expect(layout.height).toBeGreaterThan(200)
  })

  test('a point beside all squares is nobody', () => {
    const layout = layoutGrid(sections(5, 3), 1_280, 640)
    expect(indexAt(layout, -1, 30)).toBeNull()
    expect(indexAt(layout, 5, 2)).toBeNull()
    expect(indexAt(layout, 1_279, 639)).toBeNull()
    expect(boxOf(layout, 8)).toBeNull()
  })

  test('nobody is a layout too', () => {
    expect(layoutGrid([], 800, 600)).toMatchObject({ count: 0, height: 0, sections: [] })
    expect(stepFrom(layoutGrid([], 800, 600), 0, 'down')).toBe(0)
  })
})

describe('arrow keys', () => {
  const layout = layoutGrid(sections(1_000), 1_280, 640)
  const columns = layout.sections[0]?.columns ?? 0

  test('go by one and by rows, and stay inside', () => {
    expect(stepFrom(layout, 5, 'right')).toBe(6)
    expect(stepFrom(layout, 0, 'left')).toBe(0)
    expect(stepFrom(layout, 5, 'down')).toBe(5 + columns)
    expect(stepFrom(layout, 5 + columns, 'up')).toBe(5)
    expect(stepFrom(layout, 5, 'up')).toBe(5)
    expect(stepFrom(layout, 5, 'last')).toBe(999)
    expect(stepFrom(layout, 999, 'down')).toBe(999)
    expect(stepFrom(layout, 999, 'first')).toBe(0)
  })

  test('down into a row that is shorter lands on its last', () => {
    const last = 999
    const fullRowEnd = Math.floor(last / columns) * columns - 1
    expect(stepFrom(layout, fullRowEnd, 'down')).toBe(last)
  })

  test('cross from one group to the one below, and back', () => {
    const two = layoutGrid(sections(2_000, 2_000), 700, 500)
    const [first, second] = two.sections
    if (!first || !second) throw new Error('two groups')
    expect(second.y).toBeGreaterThan(first.y)
    const below = stepFrom(two, first.count - 1, 'down')
    expect(below).toBeGreaterThanOrEqual(second.first)
    expect(stepFrom(two, second.first, 'up')).toBeLessThan(second.first)
  })
})

describe('the groups', () => {
  const fleet = [
    sampleWorker('w1', { tags: {}, group: null }),
    sampleWorker('w2', { tags: { zone: 'eu' } }),
    sampleWorker('w10', { tags: { zone: 'us' } }),
  ]
  const named = (grouping: string) =>
    groupWorkers(fleet, grouping).map(({ label, workers }) => [label, workers.map(({ id }) => id)])

  test('by group, by tag, all in one; those without stand last', () => {
    expect(named('group')).toEqual([
      ['default@1', ['w2', 'w10']],
      [null, ['w1']],
    ])
    expect(named('tag:zone')).toEqual([
      ['eu', ['w2']],
      ['us', ['w10']],
      [null, ['w1']],
    ])
    expect(named('none')).toEqual([[null, ['w1', 'w2', 'w10']]])
  })

  test('a key that is different everywhere makes no groups', () => {
    const many = Array.from({ length: 100 }, (_, i) =>
      sampleWorker(`w${i}`, { tags: { host: `h${i}`, zone: `z${i % 3}` } }),
    )
    expect(groupingKeys(many)).toEqual(['zone'])
  })
})
