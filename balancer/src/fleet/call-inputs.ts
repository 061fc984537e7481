/**
 * Inputs of calls that come in pieces, before their CALL: one at a time a task, all links of a fleet together within
 * a bound. Made by the fleet; a link gives each task that sends one a place of its own.
 * Invariant: what is over a bound is dropped as it comes, and its call is told why; bytes are counted until the call
 * is there or the task is gone.
 */
import type { OutcomeError } from '@berth/protocol'
import { ByteBlocks } from '@berth/runtime'

/** Of all that are under way. */
const ALL_BYTES = 64 * 1024 * 1024

export class CallInputs {
  /** `REQUEST_BODY_LIMIT`. */
  readonly limitBytes: number
  #bytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  /** False when so many more do not fit; one that is alone always does. */
  take(bytes: number, own: number): boolean {
    if (this.#bytes > own && this.#bytes + bytes > ALL_BYTES) return false
    this.#bytes += bytes
    return true
  }

  give(bytes: number): void {
    this.#bytes -= bytes
  }
}

export type GatheredInput = { readonly bytes: Uint8Array } | { readonly error: OutcomeError }

export class CallInput {
  readonly #all: CallInputs
  readonly #pieces = new ByteBlocks()
  #taken = 0
  #error: OutcomeError | undefined

  constructor(all: CallInputs) {
    this.#all = all
  }

  add(piece: Uint8Array): void {
    if (this.#error) return
    const { limitBytes } = this.#all
    if (this.#taken + piece.length > limitBytes) return this.#refuse(tooLong(limitBytes))
    if (!this.#all.take(piece.length, this.#taken)) return this.#refuse(TOO_MANY)
    this.#taken += piece.length
    this.#pieces.add(piece)
  }

  /** What has come since the last one. */
  take(): GatheredInput {
    const error = this.#error
    const bytes = error ? undefined : this.#pieces.whole()
    this.drop()
    this.#error = undefined
    return bytes ? { bytes } : { error: error ?? TOO_MANY }
  }

  drop(): void {
    this.#all.give(this.#taken)
    this.#taken = 0
    this.#pieces.take()
  }

  #refuse(error: OutcomeError): void {
    this.drop()
    this.#error = error
  }
}

function tooLong(limitBytes: number): OutcomeError {
  const message = `its input is over ${limitBytes} bytes (REQUEST_BODY_LIMIT of the balancer)`
  return { code: 'PAYLOAD_TOO_LARGE', message }
}

const TOO_MANY: OutcomeError = {
  code: 'QUEUE_FULL',
  message: `${ALL_BYTES} bytes of inputs of calls are on their way to this balancer, which is the limit`,
  retryAfterMs: 1_000,
}
