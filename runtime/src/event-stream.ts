/**
 * Writes server-sent events (the `text/event-stream` of HTML): one event as text, and bytes as JSON that an event
 * can carry. Used wherever a process streams events to a client.
 * Invariant: whatever `data` holds, it ends no event early and begins none.
 */
import { isUtf8 } from 'node:buffer'

export interface ServerEvent {
  readonly id?: string | number
  readonly event?: string
  /** Line breaks of any kind arrive as `\n`; JSON has none. */
  readonly data?: string
}

/** The event as it is sent, its closing blank line included. Throws a RangeError on a line break in id or event. */
export function encodeEvent({ id, event, data }: ServerEvent): string {
  let text = ''
  if (id !== undefined) text += `id: ${singleLine(String(id))}\n`
  if (event !== undefined) text += `event: ${singleLine(event)}\n`
  if (data !== undefined) for (const line of data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`
  return `${text}\n`
}

/** Keeps a connection open through proxies; readers skip it. */
export const EVENT_COMMENT = ':\n\n'

/** Bytes as JSON: `{"text": …}` when they are UTF-8, else `{"base64": …}`. Either gives the very same bytes back. */
export function jsonOfChunk(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(buffer)) return JSON.stringify({ text: buffer.toString('utf8') })
  return JSON.stringify({ base64: buffer.toString('base64') })
}

function singleLine(text: string): string {
  if (/[\r\n\0]/.test(text)) throw new RangeError('an id or event name holds a line break')
  return text
}
