import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { KeyBook, maskKeys, restoreKeys } from './key-masks.ts'

const SECRET = 'a-secret-of-the-tests'

describe('masking', () => {
  test('takes out the keys of a good file and leaves every other sign as it is', () => {
    const text = `[\n  "http://a:1",\n  { "url" : "http://b:1", "key"  :  "${SECRET}",\n\t"tags": {"key": "blue"} }\n]\n`
    assert.equal(maskKeys(text), text.replace(SECRET, '***'))
  })

  test('takes out keys that a second one overrules, and whose name is written in another way', () => {
    const text = `[{"url": "http://b:1", "key": "${SECRET}", "\\u006bey": "${SECRET}2", "name": "key"}]`
    const masked = maskKeys(text)
    assert.doesNotMatch(masked, /secret/)
    assert.match(masked, /"name": "key"/)
  })

  for (const [name, text] of [
    ['a comma is missing', `[{"url": "http://b:1" "key": "${SECRET}"}]`],
    ['the quotes are not closed', `[{"url": "http://b:1", "key": "${SECRET}}]`],
    ['the file is cut off', `[{"url": "http://b:1", "key": "${SECRET}`],
    ['it is a list', `[{"url": "http://b:1", "key": ["${SECRET}"]}]`],
    ['the colon is missing', `[{"url": "http://b:1", "key" "${SECRET}"}]`],
    ['other quotes', `[{'url': 'http://b:1', 'key': '${SECRET}'}]`],
    ['no quotes', `[{url: http://b:1, key: ${SECRET}}]`],
    ['YAML', `- url: http://b:1\n  key: ${SECRET}\n`],
    ['another case', `[{"url": "http://b:1", "Key": "${SECRET}"}]`],
    ['escaped', `[{"url": "ftp://b:1", "\\u006bey": "${SECRET}"}]`],
    ['no array', `{"workers": [{"url": "http://b:1", "key": "${SECRET}"}]}`],
    ['credentials', `["http://me:${SECRET}@b:1"]`],
    ['on the next line', `[{"url": "ftp://b:1", "key":\n"${SECRET}"}]`],
  ] as const) {
    test(`of a bad file nothing gets out: ${name}`, () => {
      assert.doesNotMatch(maskKeys(text), /secret/)
    })
  }

  test('of a bad file keys that are known go wherever they stand, and the rest stays readable', () => {
    const text = `[{"url": "ftp://b:1", "name": "monkey-1", "note": "${SECRET}"}]`
    assert.equal(maskKeys(text, [SECRET]), text.replace(SECRET, '***'))
  })
})

describe('restoring', () => {
  const book = new KeyBook().add([
    { name: 'w1', url: 'http://a:1', key: 'key-of-w1' },
    { url: 'http://b:1', key: 'key-of-b' },
    { name: 'open', url: 'http://c:1' },
  ])

  test('brings back what was masked, by name, else by URL', () => {
    const text =
      '[{"name":"w1","url":"http://new:1","key":"***"},{"url":"HTTP://B:1/","key":"***"},{"name":"renamed","url":"http://b:1","key":"***"},{"url":"http://d:1","key":"mine"}]'
    const restored = restoreKeys(text, [book])
    assert.ok(restored.ok)
    assert.deepEqual(
      JSON.parse(restored.text).map(({ key }: { key: string }) => key),
      ['key-of-w1', 'key-of-b', 'key-of-b', 'mine'],
    )
  })

  test('is the other direction of masking', () => {
    const text = '[\n {"url": "http://a:1", "name": "w1", "key": "q\\"uote\\u00e9"} ]'
    const restored = restoreKeys(maskKeys(text), [new KeyBook().add(JSON.parse(text))])
    assert.ok(restored.ok)
    assert.deepEqual(JSON.parse(restored.text), JSON.parse(text))
  })

  test('names the place of a mask that stands for nothing', () => {
    const restored = restoreKeys('[\n{"url":"http://x:1",\n"key":"***"}]', [book])
    assert.ok(!restored.ok)
    const [fault] = restored.faults
    assert.deepEqual([fault?.pointer, fault?.line, fault?.column], ['/0/key', 3, 7])
  })

  test('an earlier book goes before a later one', () => {
    const later = new KeyBook().add([{ url: 'http://b:1', key: 'old' }])
    const restored = restoreKeys('[{"url":"http://b:1","key":"***"}]', [book, later])
    assert.ok(restored.ok && restored.text.includes('key-of-b'))
  })
})
