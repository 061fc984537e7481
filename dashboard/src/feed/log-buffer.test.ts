import { expect, test } from 'vitest'
import { sampleLine, sampleLines } from '../testing/samples.ts'
import { appendLines, emptyLogBuffer, expectOverlap, LOG_BUFFER_ROWS, SKIP_SPAN_MS } from './log-buffer.ts'

const textsOf = (buffer: typeof emptyLogBuffer) =>
  [...buffer.rows].map((row) => (row.kind === 'line' ? row.entry.text : `-${row.count}`))

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
  expect([...two.rows].map((row) => row.id)).toEqual([1, 2, 3, 4])
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

test('what is left out within four seconds is one row, at its first place', () => {
  const one = appendLines(emptyLogBuffer, sampleLines(1), 10, 1_000)
  const two = appendLines(one, sampleLines(1, 1), 5, 1_000 + SKIP_SPAN_MS - 1)
  expect(textsOf(two)).toEqual(['-15', 'line 0', 'line 1'])
  expect(two.rows.at(0)).toMatchObject({ fromMs: 1_000, toMs: 1_000 + SKIP_SPAN_MS - 1 })
  const three = appendLines(two, sampleLines(1, 2), 7, 1_000 + SKIP_SPAN_MS)
  expect(textsOf(three)).toEqual(['-15', 'line 0', 'line 1', '-7', 'line 2'])
  expect([...three.rows].map(({ id }) => id)).toEqual([1, 2, 3, 4, 5])
  expect(three.received).toBe(25)
  expect(textsOf(one), 'the old one stays as it was').toEqual(['-10', 'line 0'])
})

test('what several sources had written before somebody looked stands in one order of time', () => {
  const lineAt = (second: number, words: string) => ({
    ...sampleLine(words),
    at: `2026-01-01T00:00:${second}.000Z`,
  })
  const balancer = appendLines(emptyLogBuffer, [lineAt(10, 'a'), lineAt(30, 'c')], 0)
  const both = appendLines(balancer, [lineAt(20, 'b'), lineAt(40, 'd')], 0)
  expect(textsOf(both)).toEqual(['a', 'b', 'c', 'd'])
  expect(
    [...both.rows].map(({ id }) => id),
    'who reads above a late line stays there',
  ).toEqual([1, 2, 3, 4])
  expect(both.rows.at(0)).toBe(balancer.rows.at(0))
  expect(textsOf(appendLines(emptyLogBuffer, [lineAt(30, 'c'), lineAt(10, 'a')], 0))).toEqual(['a', 'c'])
  const ids = [...both.rows].map(({ id }) => id)
  expect(ids).toEqual([...ids].sort((one, other) => one - other))
  expect(both.nextId).toBeGreaterThan(ids.at(-1) ?? 0)
  // Long after that a late line stands where it came: nothing moves under a reader.
  const many = appendLines(
    both,
    Array.from({ length: 6_000 }, () => lineAt(50, 'x')),
    0,
  )
  expect(textsOf(appendLines(many, [lineAt(15, 'late')], 0)).at(-1)).toBe('late')
})
