/** The words of this browser's language, chosen once when the page loads. */
import { de } from './de/index.ts'
import { en, type Messages } from './en/index.ts'

/** German for `de` and its regions, else English. */
export function pickMessages(language: string): Messages {
  return /^de\b/i.test(language) ? de : en
}

export const text: Messages = pickMessages(typeof navigator === 'undefined' ? 'en' : navigator.language)
