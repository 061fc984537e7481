/**
 * How the caller of a direct task hears of it: one answer (here), a text, events, or a webhook. Chosen and driven
 * by `http-task.ts`, which tells each reply the same few things.
 * Invariant: `answered` resolves once; `complete` and `fail` end a reply, and only the first of them counts.
 */
import type { OutcomeError } from '@berth/protocol'
import type { Result } from '../attempt/result.ts'
import { jsonOfBytes } from '../bytes/bytes.ts'
import { type Answer, problemOf } from '../http/answer.ts'
import type { Emitter } from './emitter.ts'

export type Headers = Readonly<Record<string, string>>

export interface Reply {
  /** Where what the handler makes on the way goes; undefined: nowhere. */
  readonly emitter: Emitter | undefined
  /** Part of the handler's work is with the caller: another attempt would say it twice. */
  readonly hasLeft: boolean
  /** Undefined when the caller was answered by a body under way. */
  readonly answered: Promise<Answer | undefined>
  /** The task waits or runs, and is not refused any more. May come twice. */
  accept(): void
  complete(result: Result, headers: Headers): void
  fail(error: OutcomeError, headers: Headers): void
}

/** One JSON answer; below `/task/{group}/{function}` a result of bytes is the body itself. */
export class WholeReply implements Reply {
  readonly emitter = undefined
  readonly hasLeft = false
  readonly #isRouted: boolean
  readonly #answered = Promise.withResolvers<Answer | undefined>()

  constructor(isRouted: boolean) {
    this.#isRouted = isRouted
  }

  get answered(): Promise<Answer | undefined> {
    return this.#answered.promise
  }

  accept(): void {}

  complete(result: Result, headers: Headers): void {
    this.#answered.resolve(
      this.#isRouted && result.mediaType !== ''
        ? {
            status: 200,
            headers: {
              'content-type': result.mediaType,
              // The function chose the type; a browser shall not choose another.
              'x-content-type-options': 'nosniff',
              ...headers,
            },
            body: result.bytes,
          }
        : {
            status: 200,
            headers: { 'content-type': 'application/json', ...headers },
            body:
              result.text === undefined
                ? Buffer.concat([BEFORE, jsonOf(result), AFTER])
                : `{"success":true,"result":${result.text}}`,
          },
    )
  }

  fail(error: OutcomeError, headers: Headers): void {
    this.#answered.resolve(problemOf(error, headers))
  }
}

const BEFORE = Buffer.from('{"success":true,"result":')
const AFTER = Buffer.from('}')

/** A result's own JSON passes through as it is. */
export function jsonOf({ bytes, mediaType }: Result): Uint8Array {
  return mediaType === '' ? bytes : jsonOfBytes(bytes, mediaType)
}
