import { describe, expect, test } from 'vitest'
import { appendLines, emptyLogBuffer } from '../feed/log-buffer.ts'
import { sampleLine } from '../testing/samples.ts'
import { visible } from '../text/format.ts'
import { countAfter, filterRows, toText, windowOf } from './log-view.ts'

const lines = [
  sampleLine('Started', { level: 'debug' }),
  sampleLine('slow', { level: 'warn', run: 'run-7' }),
  sampleLine('broken', { level: 'error' }),
]
const { rows } = appendLines(emptyLogBuffer, lines, 9)
const texts = (found: typeof rows) => found.map((row) => (row.kind === 'line' ? row.entry.text : row.count))

describe('filter', () => {
  test('takes a level and those above, and always shows holes', () => {
    expect(texts(filterRows(rows, { level: 'warn', text: '' }))).toEqual([9, 'slow', 'broken'])
  })

  test('finds text and run, whatever the case', () => {
    expect(texts(filterRows(rows, { level: 'debug', text: 'start' }))).toEqual([9, 'Started'])
    expect(texts(filterRows(rows, { level: 'debug', text: 'RUN-7' }))).toEqual([9, 'slow'])
  })

  test('that asks for everything copies nothing', () => {
    expect(filterRows(rows, { level: 'debug', text: ' ' })).toBe(rows)
  })
})

test('what is new counts lines, and those that were skipped', () => {
  expect(countAfter(rows, 4)).toBe(0)
  expect(countAfter(rows, 2)).toBe(2)
  expect(countAfter(rows, 0)).toBe(12)
})

describe('window', () => {
  test('holds the rows on screen and some beyond', () => {
    expect(windowOf(1_000, 2_000, 200, 20)).toEqual({ start: 88, end: 122 })
  })

  test('stays within the rows', () => {
    expect(windowOf(3, 0, 200, 20)).toEqual({ start: 0, end: 3 })
    expect(windowOf(100, 99_999, 200, 20).end).toBe(100)
  })
})

test('the download is one line a row, with nothing that acts', () => {
  const evil = appendLines(emptyLogBuffer, [sampleLine('a\u001b[31m\nb', { run: 'r' })], 2)
  expect(toText(evil.rows, visible)).toBe(
    '--- 2 lines skipped\n2026-11-21T12:00:00.000Z INFO  worker r a\\x1b[31m\\nb\n',
  )
})
