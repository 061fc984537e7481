import { expect, test } from 'vitest'
import { sampleLine, sampleLines } from '../testing/samples.ts'
import { appendLines, emptyLogBuffer, expectOverlap, LOG_BUFFER_ROWS } from './log-buffer.ts'

const textsOf = (buffer: typeof emptyLogBuffer) =>
  buffer.rows.map((row) => (row.kind === 'line' ? row.entry.text : `-${row.count}`))

test('keeps the newest rows and counts what it trimmed', () => {
  const full = appendLines(emptyLogBuffer, sampleLines(LOG_BUFFER_ROWS), 0)
  expect(full.trimmed).toBe(0)
  const over = appendLines(full, sampleLines(3, LOG_BUFFER_ROWS), 0)
  expect(over.rows).toHaveLength(LOG_BUFFER_ROWS)
  expect(over.trimmed).toBe(3)
  expect(textsOf(over)[0]).toBe('line 3')
  expect(textsOf(over).at(-1)).toBe(`line ${LOG_BUFFER_ROWS + 2}`)
})

test('row ids rise across messages and trimming', () => {
  const one = appendLines(emptyLogBuffer, sampleLines(2), 0)
  const two = appendLines(one, sampleLines(1, 2), 5)
  expect(two.rows.map((row) => row.id)).toEqual([1, 2, 3, 4])
})

test('lines the server left out stand before those it sent', () => {
  expect(textsOf(appendLines(emptyLogBuffer, sampleLines(1), 12))).toEqual(['-12', 'line 0'])
})

test('nothing new is the same object', () => {
  const one = appendLines(emptyLogBuffer, sampleLines(1), 0)
  expect(appendLines(one, [], 0)).toBe(one)
})

test('after a reconnect what is known already is left out, once', () => {
  const known = appendLines(emptyLogBuffer, sampleLines(3), 0)
  const again = appendLines(expectOverlap(known), [...sampleLines(2, 1), sampleLine('new')], 0)
  expect(textsOf(again)).toEqual(['line 0', 'line 1', 'line 2', 'new'])
  expect(textsOf(appendLines(again, [sampleLine('new')], 0)).slice(-2)).toEqual(['new', 'new'])
})
