/**
 * A stream as plain text: the raw chunks, one behind the other. Headers go with the first chunk, or with the
 * failure and its status; the return value is not sent. Driven by `http-task.ts`.
 * Invariant: a stream that failed after its first chunk is cut off.
 */
import type { OutcomeError } from '@berth/protocol'
import type { Result } from '../attempt/result.ts'
import { type Answer, problemOf } from '../http/answer.ts'
import type { BodySink, Caller } from './caller.ts'
import type { Emitter } from './emitter.ts'
import type { Headers, Reply } from './reply.ts'

/** What every stream says to proxies: pass it on as it comes. */
export const STREAM_HEADERS: Headers = {
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
}

export class TextReply implements Reply, Emitter {
  readonly #caller: Caller
  readonly #headers: Headers
  readonly #onUnread: () => void
  readonly #answered = Promise.withResolvers<Answer | undefined>()
  #sink: BodySink | undefined

  constructor(caller: Caller, headers: Headers, onUnread: () => void) {
    this.#caller = caller
    this.#headers = { 'content-type': 'text/plain; charset=utf-8', ...STREAM_HEADERS, ...headers }
    this.#onUnread = onUnread
  }

  get emitter(): Emitter {
    return this
  }

  get hasLeft(): boolean {
    return this.#sink !== undefined
  }

  get answered(): Promise<Answer | undefined> {
    return this.#answered.promise
  }

  accept(): void {}

  chunk(bytes: Uint8Array): Promise<void> {
    const sink = this.#open()
    sink.write(bytes)
    return sink.room()
  }

  note(): void {}

  complete(_result: Result): void {
    this.#open().end()
    this.#answered.resolve(undefined)
  }

  fail(error: OutcomeError, headers: Headers): void {
    if (!this.#sink) return this.#answered.resolve(problemOf(error, headers))
    this.#sink.cut()
    this.#answered.resolve(undefined)
  }

  #open(): BodySink {
    this.#sink ??= this.#caller.open(this.#headers, this.#onUnread)
    return this.#sink
  }
}
