/**
 * The earlier turns of a session as its next one gets them: JSON made of the bytes that are stored, without building
 * what they say. Called by the reads of both stores. Invariant: the outcome is JSON, whatever a worker has said.
 */
import { LIMITS } from '@berth/protocol'

export interface StoredContent {
  /** Empty for JSON. */
  readonly mediaType: string
  readonly bytes: Uint8Array
}

export interface StoredTurn {
  readonly input: StoredContent | null
  readonly output: StoredContent | null
}

const NOTHING = new Uint8Array(0)
const BRACKETS_BYTES = 2

/** Takes the newest first, as many as there is room for; the oldest comes out first. */
export function encodeTurns(newestFirst: Iterable<StoredTurn>): Uint8Array {
  const texts: string[] = []
  let bytes = BRACKETS_BYTES
  for (const { input, output } of newestFirst) {
    const text = `{"input":${jsonOf(input)},"output":${jsonOf(output)}}`
    bytes += Buffer.byteLength(text) + 1
    if (bytes > LIMITS.turnsBytes || texts.length === LIMITS.turns) break
    texts.push(text)
  }
  return texts.length === 0 ? NOTHING : new TextEncoder().encode(`[${texts.reverse().join(',')}]`)
}

function jsonOf(content: StoredContent | null): string {
  if (content === null) return 'null'
  const { mediaType, bytes } = content
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (mediaType !== '') return JSON.stringify({ mediaType, base64: text.toString('base64') })
  const json = text.toString()
  return isJson(json) ? json : 'null'
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
