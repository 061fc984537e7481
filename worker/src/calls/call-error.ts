/**
 * What `ctx.call` rejects with. Read by user code through its `code`, never by `instanceof`.
 */
import type { OutcomeError } from '@berth/protocol'

/** A called function that did not complete, or could not be called. */
export class CallError extends Error {
  /** A code of the contract's table, such as FUNCTION_FAILED, INVALID_INPUT, TIMEOUT, UNKNOWN_FUNCTION. */
  readonly code: string
  /** The function that was called. */
  readonly function: string
  /** What is wrong with the input, where that is the reason. */
  readonly errors: OutcomeError['errors']
  /** Let through, the caller's own failure asks for this wait. */
  readonly retryAfterMs: number | undefined

  constructor(name: string, { code, message, errors, retryAfterMs }: OutcomeError) {
    super(`The call of "${name}" failed: ${message}`)
    this.name = 'CallError'
    this.code = code
    this.function = name
    this.errors = errors
    this.retryAfterMs = retryAfterMs
  }
}
