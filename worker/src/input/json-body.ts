/**
 * Bytes to JSON, strictly: invalid UTF-8, text that is no JSON and nesting over 100 levels are told apart.
 * Called for every body of the worker's HTTP and every input of the link, before anything else reads them.
 * Invariant: what comes out can be written again; deeper values parse in V8 but overflow when written.
 */
import { isUtf8 } from 'node:buffer'
import { LIMITS } from '@berth/protocol'

export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly detail: string }

export function parseJsonBytes(bytes: Uint8Array): ParsedJson {
  if (!isUtf8(bytes)) return { ok: false, detail: 'The body is not UTF-8' }
  if (isTextDeeperThan(bytes, LIMITS.jsonDepth))
    return { ok: false, detail: `The body is nested over ${LIMITS.jsonDepth} levels` }
  try {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    return { ok: true, value: JSON.parse(text) as unknown }
  } catch (error) {
    const reason = bytes.length === 0 ? 'it is empty' : (error as Error).message.slice(0, 200)
    return { ok: false, detail: `The body is not JSON: ${reason}` }
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * Whether brackets lie in each other more than `levels` times. Read from the bytes, before anything is made of
 * them: a walk over the value costs as much again as the parse when an object has a million keys.
 */
function isTextDeeperThan(bytes: Uint8Array, levels: number): boolean {
  // Each level has a byte that opens it.
  if (bytes.length <= levels) return false
  let depth = 0
  let isText = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) isText = !isText
    else if (isText) {
      if (byte === BACKSLASH) at++
    } else if (byte === 0x5b || byte === 0x7b) {
      if (++depth > levels) return true
    } else if (byte === 0x5d || byte === 0x7d) depth--
  }
  return false
}

/** An object that is no array. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
