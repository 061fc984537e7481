/**
 * Turns what a handler returned or threw into what can travel: bytes of JSON, or an error with a code.
 * Called by `attempt.ts` when a handler is through. Nothing a handler returns or throws makes this throw.
 * Invariant: a result is at most its limit, an error's message at most 8 KiB, and neither holds a stack.
 */
import { LIMITS, MAX_DURATION_MS, type OutcomeError } from '@berth/protocol'
import { type BytesResult, isBytesResult } from '../bytes/bytes.ts'

/** A result as it travels. */
export interface Result {
  readonly bytes: Uint8Array
  /** Empty for JSON. */
  readonly mediaType: string
  /** The JSON as it was written, where it was written in this thread. */
  readonly text?: string
}

/** Bytes it has when it travels. */
export function sizeOf(result: Result): number {
  return result.text === undefined ? result.bytes.length : Buffer.byteLength(result.text)
}

export type EncodedResult =
  | ({ readonly ok: true } & Result)
  | { readonly ok: false; readonly error: OutcomeError }

/** JSON that becomes bytes when they are asked for: the answer to a direct task is made of its text. */
class JsonResult implements Result {
  readonly ok = true
  readonly mediaType = ''
  readonly text: string
  #bytes: Uint8Array | undefined

  constructor(text: string) {
    this.text = text
  }

  get bytes(): Uint8Array {
    this.#bytes ??= Buffer.from(this.text)
    return this.#bytes
  }
}

const NULL_RESULT = new JsonResult('null')
/** Of a character of a text, in UTF-8. */
const MOST_BYTES = 3

/**
 * The result as JSON, or the bytes of `bytes(…)`. `undefined` (a handler without `return`) becomes null; a function or symbol as a whole,
 * a BigInt anywhere, a cycle or nesting too deep to write is RESULT_UNSERIALISABLE.
 */
export function encodeResult(value: unknown, limitBytes: number): EncodedResult {
  if (value === undefined) return NULL_RESULT
  if (isBytesResult(value)) return encodeBytes(value, limitBytes)
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    const message = messageOf(error)
    if (/invalid string length/i.test(message))
      return resultTooLarge('longer than any text can be', limitBytes)
    return resultUnserialisable(message.split('\n')[0] ?? '')
  }
  if (text === undefined) return resultUnserialisable(`it is a ${typeof value}`)
  if (text.length > limitBytes) return resultTooLarge(`at least ${text.length} bytes`, limitBytes)
  const result = new JsonResult(text)
  // Most results are too short to need a second look.
  if (MOST_BYTES * text.length <= limitBytes || result.bytes.length <= limitBytes) return result
  return resultTooLarge(`${result.bytes.length} bytes`, limitBytes)
}

/** Copied: the handler's buffer is its own, and a durable outcome is kept for long. */
function encodeBytes({ data, mediaType }: BytesResult, limitBytes: number): EncodedResult {
  if (data.byteLength > limitBytes) return resultTooLarge(`${data.byteLength} bytes`, limitBytes)
  return { ok: true, bytes: new Uint8Array(data), mediaType }
}

/** `size` is how long it is, as far as that is known. */
export function resultTooLarge(size: string, limitBytes: number): EncodedResult {
  const message = `The result (${size}) is over the limit of ${limitBytes} bytes; return less, or raise RESULT_LIMIT`
  return { ok: false, error: { code: 'RESULT_TOO_LARGE', message } }
}

export function resultUnserialisable(why: string): EncodedResult {
  const message = `The result cannot be written as JSON (${why}); return plain data`
  return {
    ok: false,
    error: { code: 'RESULT_UNSERIALISABLE', message: message.slice(0, LIMITS.messageText) },
  }
}

/** The error of a handler that threw or rejected with anything at all. */
export function errorOf(thrown: unknown): OutcomeError {
  const message = messageOf(thrown).slice(0, LIMITS.messageText)
  const error: OutcomeError = { code: 'FUNCTION_FAILED', message }
  if (isNonRetryable(thrown)) return { ...error, nonRetryable: true }
  const retryAfterMs = namedWait(thrown)
  return retryAfterMs === undefined ? error : { ...error, retryAfterMs }
}

function namedWait(thrown: unknown): number | undefined {
  try {
    const { retryAfterMs: ms } = (thrown ?? {}) as { retryAfterMs?: unknown }
    return typeof ms === 'number' && ms >= 0 ? Math.min(ms, MAX_DURATION_MS) : undefined
  } catch {
    return undefined
  }
}

/** A readable sentence for anything thrown. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return String(thrown.message) || String(thrown.name) || 'Error'
    if (typeof thrown === 'string') return thrown || 'an empty text was thrown'
    if (thrown === undefined || thrown === null) return `${thrown} was thrown`
    if (typeof thrown === 'object') return objectMessage(thrown)
    return String(thrown)
  } catch {
    // A getter or a proxy that throws: there is nothing to be read from it.
    return 'something unreadable was thrown'
  }
}

function objectMessage(thrown: object): string {
  const { message } = thrown as { message?: unknown }
  if (typeof message === 'string' && message !== '') return message
  return JSON.stringify(thrown) ?? String(thrown)
}

function isNonRetryable(thrown: unknown): boolean {
  try {
    return (
      typeof thrown === 'object' &&
      thrown !== null &&
      'nonRetryable' in thrown &&
      thrown.nonRetryable === true
    )
  } catch {
    return false
  }
}
