/** The cut of texts into words: the same for what is kept and for what is looked for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { soughtWords, wordsOf } from './words.ts'

for (const [text, words] of [
  ['', []],
  ['  -- !', []],
  ['Order-12: no paper', ['order', '12', 'no', 'paper']],
  ['resizeImage', ['resizeimage', 'resize', 'image']],
  ['HTTPServer2 x', ['httpserver2', 'x']],
  ['ENOENT', ['enoent']],
  ['Zoë grüßt 東京 r_01Kd', ['zoe', 'grußt', '東京', 'r', '01kd', '01', 'kd']],
  ['a\u00a0b\tc', ['a', 'b', 'c']],
] as const)
  test(`the words of ${JSON.stringify(text)}`, () => assert.deepEqual(wordsOf(text), words))

test('a text is cut alike whether or not another letter stands beside it', () => {
  for (const text of ['Order-12 resizeImage', 'aB cD9e F', 'x_y.z ABCdef'])
    assert.deepEqual(wordsOf(`${text} é`), [...wordsOf(text), 'e'])
})

test('what is looked for is not cut at capitals', () => {
  assert.deepEqual(soughtWords('resizeIm Zoë'), ['resizeim', 'zoe'])
})
