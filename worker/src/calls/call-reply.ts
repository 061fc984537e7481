/**
 * How a handler here hears of the task that it called: its result as a value, its failure as a CallError. Made by
 * `call-gate.ts`, driven by `direct-order.ts`.
 */
import type { OutcomeError } from '@berth/protocol'
import type { Result } from '../attempt/result.ts'
import { bytes as makeBytes } from '../bytes/bytes.ts'
import type { Reply } from '../stream/reply.ts'
import { CallError } from './call-error.ts'

export class CallReply implements Reply {
  /** A child's chunks are nobody's. */
  readonly emitter = undefined
  readonly hasLeft = false
  readonly answered = Promise.resolve(undefined)
  readonly #name: string
  readonly #done = Promise.withResolvers<unknown>()

  readonly #onSettled: () => void

  /** `onSettled` is called at once, while the child still has its slots. */
  constructor(name: string, onSettled: () => void) {
    this.#name = name
    this.#onSettled = onSettled
  }

  get done(): Promise<unknown> {
    return this.#done.promise
  }

  accept(): void {}

  complete({ bytes, mediaType }: Result): void {
    this.#done.resolve(readResult(bytes, mediaType))
    this.#onSettled()
  }

  fail(error: OutcomeError): void {
    this.#done.reject(new CallError(this.#name, error))
    this.#onSettled()
  }
}

/** JSON as its value, bytes as what `bytes()` makes. Throws when JSON is none. */
export function readResult(bytes: Uint8Array, mediaType: string): unknown {
  if (mediaType !== '') return makeBytes(bytes, mediaType)
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
}
