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
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch (error) {
    const reason = bytes.length === 0 ? 'it is empty' : (error as Error).message.slice(0, 200)
    return { ok: false, detail: `The body is not JSON: ${reason}` }
  }
  if (isDeeperThan(value, LIMITS.jsonDepth))
    return { ok: false, detail: `The body is nested over ${LIMITS.jsonDepth} levels` }
  return { ok: true, value }
}

/** Whether objects and arrays lie in each other more than `levels` times. */
export function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  if (Array.isArray(value)) return value.some((item) => isDeeperThan(item, levels - 1))
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key]
    if (typeof member === 'object' && member !== null && isDeeperThan(member, levels - 1)) return true
  }
  return false
}

/** An object that is no array. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
