import { describe, expect, test } from 'vitest'
import { appendLines, emptyLogBuffer } from '../feed/log-buffer.ts'
import { sampleLine, sampleLines } from '../testing/samples.ts'
import { layoutRows, lineText, ROW_HEIGHT, toNdjson, windowOf } from './log-view.ts'

const rowsOf = (lines: ReturnType<typeof sampleLines>, dropped = 0) =>
  appendLines(emptyLogBuffer, lines, dropped, Date.parse('2026-11-21T12:00:01.000Z')).rows
const even = (count: number) => layoutRows(rowsOf(sampleLines(count)), null, new Map())

describe('rows of one height', () => {
  test('stand one below the other', () => {
    const layout = even(100)
    expect(layout.height).toBe(100 * ROW_HEIGHT)
    expect(layout.topOf(7)).toBe(7 * ROW_HEIGHT)
    expect(layout.indexAt(7 * ROW_HEIGHT + 3)).toBe(7)
    expect(layout.indexAt(1e9)).toBe(99)
    expect(layout.indexAt(-5)).toBe(0)
  })

  test('make room below what is open', () => {
    const rows = rowsOf(sampleLines(10))
    const opened = new Map([
      [rows.at(6)?.id ?? 0, 50],
      [rows.at(2)?.id ?? 0, 100],
      [999, 70],
    ])
    const layout = layoutRows(rows, null, opened)
    expect(layout.height).toBe(10 * ROW_HEIGHT + 150)
    expect(layout.topOf(2)).toBe(2 * ROW_HEIGHT)
    expect(layout.topOf(3)).toBe(3 * ROW_HEIGHT + 100)
    expect(layout.topOf(9)).toBe(9 * ROW_HEIGHT + 150)
    for (let index = 0; index < 10; index++) expect(layout.indexAt(layout.topOf(index))).toBe(index)
    expect(layout.indexAt(3 * ROW_HEIGHT + 99), 'within what is open').toBe(2)
  })
})

test('wrapped rows are as high as their lines', () => {
  const rows = rowsOf([sampleLine('a'.repeat(25)), sampleLine(''), sampleLine('b'.repeat(10))], 3)
  const layout = layoutRows(rows, 10, new Map([[rows.at(3)?.id ?? 0, 30]]))
  const tops = [0, 1, 2, 3, 4].map((index) => layout.topOf(index))
  expect(tops).toEqual([0, 20, 80, 100, 150])
  expect(layout.height).toBe(150)
  expect([0, 19, 20, 79, 80, 99, 149, 500].map((top) => layout.indexAt(top))).toEqual([
    0, 0, 1, 1, 2, 2, 3, 3,
  ])
})

describe('window', () => {
  test('holds the rows on screen and some beyond', () => {
    expect(windowOf(even(1_000), 2_000, 200)).toEqual({ start: 94, end: 117 })
  })

  test('stays within the rows', () => {
    expect(windowOf(even(3), 0, 200)).toEqual({ start: 0, end: 3 })
    expect(windowOf(even(100), 99_999, 200).end).toBe(100)
    expect(windowOf(even(0), 0, 200)).toEqual({ start: 0, end: 0 })
  })
})

test('fields stand behind the text as the logs print them', () => {
  const line = sampleLine('done', { fields: { ms: 12, who: 'ada', why: 'two words', more: { a: 1 } } })
  expect(lineText(line)).toBe('done ms=12 who=ada why="two words" more={"a":1}')
})

describe('the download', () => {
  const rows = rowsOf(
    [
      sampleLine('a\u001b[31m\nb', { run: 'r', at: '2026-11-21T12:00:00.500Z' }),
      sampleLine('late', { at: '2026-11-21T12:00:09.000Z' }),
    ],
    2,
  )

  test('is a line of JSON each, holes included', () => {
    const lines = toNdjson(rows).split('\n')
    expect(lines.pop()).toBe('')
    const at = '2026-11-21T12:00:01.000Z'
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { skipped: 2, from: at, to: at },
      ...[...rows].slice(1).map((row) => (row.kind === 'line' ? row.entry : null)),
    ])
  })

  test('holds a span when one is given', () => {
    const from = Date.parse('2026-11-21T12:00:00.000Z')
    expect(toNdjson(rows, { fromMs: from, toMs: from + 5_000 })).not.toContain('late')
    expect(toNdjson(rows, { fromMs: from + 5_000, toMs: from + 10_000 })).toMatch(/^\{[^\n]*late[^\n]*\}\n$/)
  })
})
