/**
 * Counts what a text holds. One pass over the text, whatever it is made of: the time grows with its length.
 */
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export type WordCount = { word: string; count: number }

export type TextCounts = { words: number; lines: number; characters: number; topWords: WordCount[] }

const LETTERS = /[\p{L}\p{M}\p{N}]+/gu
const JOINERS = new Set(["'", '’', '-'])

/**
 * Characters are Unicode code points; a last line without a line break counts; words are compared in lower
 * case. `topWords` has at most `top` entries, the most frequent first, equal ones in code point order.
 */
export function countText(text: string, top: number): TextCounts {
  const counts = new Map<string, number>()
  let words = 0
  for (const word of findWords(text)) {
    counts.set(word, (counts.get(word) ?? 0) + 1)
    words += 1
  }
  return { words, ...countLinesAndCharacters(text), topWords: findTop(counts, top) }
}

/**
 * Runs of letters, marks and digits; an apostrophe or hyphen between two runs joins them. The joining is done
 * here because a pattern with a repeat inside a repeat overflows the stack on megabytes of `a'a'a'…`.
 */
function* findWords(text: string): Generator<string> {
  let start = -1
  let end = -1
  for (const { 0: letters, index } of text.matchAll(LETTERS)) {
    const isJoined = index === end + 1 && JOINERS.has(text.charAt(end))
    if (!isJoined) {
      if (start >= 0) yield text.slice(start, end).toLowerCase()
      start = index
    }
    end = index + letters.length
  }
  if (start >= 0) yield text.slice(start, end).toLowerCase()
}

function countLinesAndCharacters(text: string): { lines: number; characters: number } {
  let lines = 0
  let characters = 0
  for (const character of text) {
    characters += 1
    if (character === '\n') lines += 1
  }
  return { lines: text === '' || text.endsWith('\n') ? lines : lines + 1, characters }
}

/** Keeps only `top` candidates while it passes: sorting every word would be the dearest step of all. */
function findTop(counts: ReadonlyMap<string, number>, top: number): WordCount[] {
  const best: WordCount[] = []
  for (const [word, count] of counts) {
    const candidate = { word, count }
    const last = best.at(-1)
    if (best.length === top && last && !isBefore(candidate, last)) continue
    const position = best.findIndex((other) => isBefore(candidate, other))
    best.splice(position < 0 ? best.length : position, 0, candidate)
    if (best.length > top) best.pop()
  }
  return best
}

function isBefore(a: WordCount, b: WordCount): boolean {
  return a.count === b.count ? a.word < b.word : a.count > b.count
}

export default defineFunction({
  input: z.object({ text: z.string(), top: z.number().int().min(1).max(100).default(10) }),
  output: z.object({
    words: z.number(),
    lines: z.number(),
    characters: z.number(),
    topWords: z.array(z.object({ word: z.string(), count: z.number() })),
  }),
  config: {
    description: 'Counts words, lines and characters, and names the most frequent words',
    examples: [{ text: 'to be or not to be', top: 2 }],
    timeout: 30_000,
    idempotent: true,
  },
  handler: ({ text, top }) => countText(text, top),
})
