/** The words of this browser's language, chosen once when the page loads; only that language is fetched. */
import type { Messages } from './en/index.ts'
import { loadMessages } from './load-messages.ts'

export const text: Messages = await loadMessages(typeof navigator === 'undefined' ? 'en' : navigator.language)
