import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countText } from '../functions/word-count.ts'

test('words, lines, characters and the most frequent words', () => {
  assert.deepEqual(countText("To be, or not to be:\nthat's the well-known question", 3), {
    words: 10,
    lines: 2,
    characters: 51,
    topWords: [
      { word: 'be', count: 2 },
      { word: 'to', count: 2 },
      { word: 'not', count: 1 },
    ],
  })
})

test('no text has nothing', () => {
  assert.deepEqual(countText('', 10), { words: 0, lines: 0, characters: 0, topWords: [] })
})

test('a line break at the end begins no line', () => {
  assert.equal(countText('a\nb\n', 1).lines, 2)
  assert.equal(countText('\n\n', 1).lines, 2)
  assert.equal(countText('a\n\nb', 1).lines, 3)
})

test('characters are code points, words know accents and other scripts', () => {
  const counts = countText('Ünïcödé 🚀 слово слово', 1)
  assert.deepEqual(counts, { words: 3, lines: 1, characters: 21, topWords: [{ word: 'слово', count: 2 }] })
})

test('words that are names of object members are counted like others', () => {
  const { topWords } = countText('constructor __proto__ constructor toString', 1)
  assert.deepEqual(topWords, [{ word: 'constructor', count: 2 }])
})

test('top words are right when a rare word becomes frequent late', () => {
  const text = [...Array.from({ length: 50 }, (_, n) => `w${n}`), 'late', 'late', 'late', 'w7'].join(' ')
  assert.deepEqual(countText(text, 2).topWords, [
    { word: 'late', count: 3 },
    { word: 'w7', count: 2 },
  ])
})

test('a text at the body limit is counted, whatever it is made of', () => {
  for (const piece of ['a', "a'", 'ab ', '𝒜', '\n']) {
    const text = piece.repeat(10_000_000 / Buffer.byteLength(piece))
    assert.equal(countText(text, 1).characters, [...text].length, JSON.stringify(piece))
  }
})

test('apostrophes and hyphens join letters only', () => {
  const words = countText("rock-'n'-roll -a- ’tis o'clock--now", 10).topWords.map(({ word }) => word)
  assert.deepEqual(words, ['a', 'n', 'now', "o'clock", 'rock', 'roll', 'tis'])
})

test('the time grows with the length, also for text made to be slow', () => {
  /** The best of some: what else the machine does is not the count's. */
  const measure = (text: string): number => {
    let leastMs = Number.POSITIVE_INFINITY
    for (let tries = 0; tries < 5; tries++) {
      const startedAt = performance.now()
      countText(text, 100)
      leastMs = Math.min(leastMs, performance.now() - startedAt)
    }
    return leastMs
  }
  for (const piece of ["a'", 'a-', `'`, 'a', 'ab ']) {
    measure(piece.repeat(50_000))
    const smallMs = measure(piece.repeat(100_000))
    const largeMs = measure(piece.repeat(800_000))
    // Eight times the text; a quadratic pass would take sixty-four times as long.
    assert.ok(
      largeMs < 32 * Math.max(smallMs, 5),
      `${JSON.stringify(piece)}: ${smallMs} ms, then ${largeMs} ms`,
    )
  }
})
