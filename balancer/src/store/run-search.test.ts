import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wordsToFind } from './run-search.ts'

test('a word is looked for once, and not at all when it begins another', () => {
  assert.deepEqual(wordsToFind('o '.repeat(128)), ['o'])
  assert.deepEqual(wordsToFind('or order Ord Zoë order1 zo 1'), ['zoe', 'order1', '1'])
  assert.deepEqual(wordsToFind('!'), [])
  assert.equal(wordsToFind(' '), undefined)
  assert.equal(wordsToFind(undefined), undefined)
})
