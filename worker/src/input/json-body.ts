/**
 * Bytes to JSON, strictly: invalid UTF-8, text that is no JSON and one beyond the bounds of JSON are told apart.
 * Called for every body of the worker's HTTP and every input of the link, before anything else reads them.
 * Invariant: what comes out can be written again; deeper values parse in V8 but overflow when written. No text
 * within REQUEST_BODY_LIMIT holds the process up for long.
 */
import { isUtf8 } from 'node:buffer'
import { findJsonExcess } from '@berth/protocol'

export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly detail: string }

export function parseJsonBytes(bytes: Uint8Array): ParsedJson {
  if (!isUtf8(bytes)) return { ok: false, detail: 'The body is not UTF-8' }
  const excess = findJsonExcess(bytes)
  if (excess !== undefined) return { ok: false, detail: `The body ${excess}` }
  try {
    return { ok: true, value: JSON.parse(viewOf(bytes).toString('utf8')) as unknown }
  } catch (error) {
    const reason = bytes.length === 0 ? 'it is empty' : (error as Error).message.slice(0, 200)
    return { ok: false, detail: `The body is not JSON: ${reason}` }
  }
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** An object that is no array. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
