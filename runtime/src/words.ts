/**
 * Cuts texts into the words by which they are searched. Pure; a text that is kept and the words that are
 * looked for go through the same cut, so that every store finds the same.
 */

/**
 * Words in lower case: runs of letters and digits, without the marks above them. Where a capital follows a
 * small letter a further word begins: `resizeImage` is `resizeimage`, `resize` and `image`.
 */
export function wordsOf(text: string): string[] {
  return plain(text).flatMap((run) => {
    const parts = run.match(/\p{Lu}*[^\p{Lu}]+|\p{Lu}+/gu) ?? []
    return (parts.length > 1 ? [run, ...parts] : [run]).map((word) => word.toLowerCase())
  })
}

/** The words of a question, each as it stands. */
export function soughtWords(text: string): string[] {
  return plain(text).map((word) => word.toLowerCase())
}

function plain(text: string): string[] {
  return (
    text
      .normalize('NFD')
      .replace(/\p{M}/gu, '')
      .match(/[\p{L}\p{N}]+/gu) ?? []
  )
}
