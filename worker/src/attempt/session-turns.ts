/**
 * The earlier turns of a session as a handler sees them. They come as JSON of up to 1 MiB, which is read when the
 * handler first asks. Called by the contexts of both threads.
 */
import type { Turn } from '../functions/define.ts'

const NO_TURNS: readonly Turn[] = Object.freeze([])

/** Throws when the bytes are no list, which only a broken balancer sends. */
export function readTurns(json: Uint8Array | undefined): readonly Turn[] {
  if (!json || json.length === 0) return NO_TURNS
  const turns: unknown = JSON.parse(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString())
  if (!Array.isArray(turns)) throw new TypeError('The turns of the session are no list')
  return Object.freeze(turns)
}
