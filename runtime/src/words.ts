/**
 * Cuts texts into the words by which they are searched. Pure; a text that is kept and the words that are
 * looked for go through the same cut, so that every store finds the same.
 */

/**
 * Words in lower case: runs of letters and digits, without the marks above them. Where a capital follows a
 * small letter a further word begins: `resizeImage` is `resizeimage`, `resize` and `image`.
 */
export function wordsOf(text: string): string[] {
  const words: string[] = []
  for (const run of plain(text)) {
    if (!CAPITAL.test(run)) {
      words.push(run.toLowerCase())
      continue
    }
    const parts = run.match(PARTS) ?? []
    for (const word of parts.length > 1 ? [run, ...parts] : [run]) words.push(word.toLowerCase())
  }
  return words
}

/** The words of a question, each as it stands. */
export function soughtWords(text: string): string[] {
  return plain(text).map((word) => word.toLowerCase())
}

const CAPITAL = /\p{Lu}/u
const PARTS = /\p{Lu}*[^\p{Lu}]+|\p{Lu}+/gu
const MARKS = /\p{M}/gu
const RUNS = /[\p{L}\p{N}]+/gu
/** Most texts are, and need no table of letters. */
const PLAIN_TEXT = /^[\s -~]*$/
const PLAIN_RUNS = /[A-Za-z0-9]+/g

function plain(text: string): string[] {
  if (PLAIN_TEXT.test(text)) return text.match(PLAIN_RUNS) ?? []
  return text.normalize('NFD').replace(MARKS, '').match(RUNS) ?? []
}
