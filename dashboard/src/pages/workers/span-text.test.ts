import { expect, test } from 'vitest'
import { readSpan } from './span-text.ts'

test.each([
  ['1h30m', 5_400_000],
  ['90s', 90_000],
  ['2 h 15 min', 8_100_000],
  ['1.5h', 5_400_000],
  ['1,5 h', 5_400_000],
  ['1 Tag', 86_400_000],
  ['10 MIN', 600_000],
])('%s', (text, ms) => {
  expect(readSpan(text)).toEqual({ ok: true, ms })
})

test.each([
  ['', 'empty'],
  ['10', 'no-unit'],
  ['1h 30', 'no-unit'],
  ['10 parsecs', 'unknown-unit'],
  ['soon', 'unknown-unit'],
  ['-5m', 'unknown-unit'],
  ['30m1h', 'order'],
  ['1h1h', 'order'],
  ['0s', 'zero'],
  ['31d', 'too-long'],
])('“%s” is refused: %s', (text, why) => {
  expect(readSpan(text)).toMatchObject({ ok: false, why })
})
