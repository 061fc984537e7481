import { describe, expect, test } from 'vitest'
import { formatCount, formatMs, formatSeconds, formatShare, visible } from './format.ts'
import { loadMessages } from './load-messages.ts'

const localesOf = (languages: readonly string[]) =>
  Promise.all(languages.map(async (one) => (await loadMessages(one)).locale))

test('German browsers get German, all others English', async () => {
  expect(await localesOf(['de', 'de-AT', 'DE-de'])).toEqual(['de', 'de', 'de'])
  expect(await localesOf(['en-GB', 'fr', 'den', ''])).toEqual(['en', 'en', 'en', 'en'])
})

test('in both languages a switch’s name has the word and the worker', async () => {
  for (const language of ['en', 'de']) {
    const { maintenance } = (await loadMessages(language)).workers
    expect(maintenance.label('worker-1')).toMatch(/Maintenance.*worker-1/)
  }
})

test('unknown is a dash, never zero', () => {
  expect([formatCount, formatMs, formatSeconds, formatShare].map((format) => format(null))).toEqual(
    Array(4).fill('–'),
  )
  expect([formatCount(0), formatMs(0), formatSeconds(0), formatShare(0)]).toEqual(['0', '0 ms', '0 s', '0%'])
  expect([formatShare(0.004), formatShare(0.01)]).toEqual(['< 1%', '1%'])
})

test('spans in their largest whole unit', () => {
  expect([59.9, 60, 3_599, 3_600, 86_400 * 3].map(formatSeconds)).toEqual([
    '59 s',
    '1 min',
    '59 min',
    '1 h',
    '3 d',
  ])
})

describe('visible', () => {
  test('escapes control, direction and line characters', () => {
    expect(visible('a\u001b[0m\r\n\t\u0000\u0085')).toBe('a\\x1b[0m\\r\\n\\t\\0\\x85')
    expect(visible('x\u202ey\u2066\u200b\u2028')).toBe('x\\u{202e}y\\u{2066}\\u{200b}\\u{2028}')
    expect(visible('\ud800')).toBe('\\u{d800}')
  })

  test('leaves words, marks and emoji', () => {
    expect(visible('<b>Grüße</b> → 日本 🚢')).toBe('<b>Grüße</b> → 日本 🚢')
  })
})
