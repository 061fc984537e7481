/**
 * Turns the words after `pnpm test` into parts to run and files to keep.
 * Called by test/run.ts. A word that is a part's name chooses that part; every other word is a path
 * (a file, a folder, or a beginning of one) that narrows the parts that own files.
 */
export type Choice = { parts: readonly string[]; paths: readonly string[] }

/** No word: every part. Paths without a part: the parts whose files they match, so none is named here. */
export function readArguments(words: readonly string[], partNames: readonly string[]): Choice {
  const parts = words.filter((word) => partNames.includes(word))
  const paths = words.filter((word) => !partNames.includes(word) && word !== '--')
  return { parts, paths: paths.map((path) => path.replace(/^\.\//, '').replace(/\/$/, '')) }
}

export function isWithin(file: string, paths: readonly string[]): boolean {
  return paths.length === 0 || paths.some((path) => file.startsWith(path))
}
