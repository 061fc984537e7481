/** The words of this browser's language, chosen once when the page loads; only that language is fetched. */
import type { Messages } from './en/index.ts'

/** German for `de` and its regions, else English. */
export async function loadMessages(language: string): Promise<Messages> {
  return /^de\b/i.test(language) ? (await import('./de/index.ts')).de : (await import('./en/index.ts')).en
}

export const text: Messages = await loadMessages(typeof navigator === 'undefined' ? 'en' : navigator.language)
