/**
 * Reads one mail on a thread of its own: whatever a stranger has put into it costs this thread alone, whose time and
 * memory are bounded by mail-reading.ts, which starts it. Answers once, by a message.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { convert } from 'html-to-text'
import { simpleParser } from 'mailparser'
import type { ReadMail } from './mail-reading.ts'

const MOST_DEPTH = 100

const { text, html, messageId, attachments } = await simpleParser(Buffer.from(workerData), {
  skipHtmlToText: true,
  skipTextToHtml: true,
  skipImageLinks: true,
})

const mail: ReadMail = {
  messageId,
  text: text?.trim() || textOf(html),
  attachments: attachments.map(({ filename, contentType, content }) => ({
    filename: filename || undefined,
    mediaType: contentType,
    bytes: new Uint8Array(content),
  })),
}
parentPort?.postMessage(mail)

/** What a reader of the HTML would see; empty for none. */
function textOf(html: string | false | undefined): string {
  if (!html) return ''
  const selectors = [{ selector: 'img', format: 'skip' }]
  return convert(html, { wordwrap: false, limits: { maxDepth: MOST_DEPTH }, selectors }).trim()
}
