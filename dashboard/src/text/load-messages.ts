/** Fetches the words of one language. Called by `begin.ts` ahead of the page, and by `text.ts`. */
import type { Messages } from './en/index.ts'

/** German for `de` and its regions, else English. */
export async function loadMessages(language: string): Promise<Messages> {
  return /^de\b/i.test(language) ? (await import('./de/index.ts')).de : (await import('./en/index.ts')).en
}
