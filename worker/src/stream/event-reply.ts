/**
 * A stream as server-sent events: an id-only event as soon as the task is accepted, then `chunk`, `log`,
 * `progress`, and at the end `result` or `error`, numbered from 1. Driven by `http-task.ts`.
 *
 * `data` is JSON: a chunk `{text}` or `{base64}`, a line `{at, level, text, …}`, progress `{fraction, text?}`,
 * the result as the function returned it (bytes `{mediaType, base64}`), an error `{code, message, …}`.
 * Invariant: a stream without `result` or `error` at its end is not complete.
 */
import { LIMITS, type OutcomeError } from '@berth/protocol'
import { EVENT_COMMENT, encodeEvent, jsonOfChunk } from '@berth/runtime'
import type { Result } from '../attempt/result.ts'
import { type Answer, problemOf } from '../http/answer.ts'
import type { BodySink, Caller } from './caller.ts'
import type { Emitter, NoteKind } from './emitter.ts'
import { type Headers, jsonOf, type Reply } from './reply.ts'
import { STREAM_HEADERS } from './text-reply.ts'

/** A connection without a byte for so long may be closed by what lies between. */
const QUIET_MS = 15_000

export class EventReply implements Reply, Emitter {
  readonly #caller: Caller
  readonly #headers: Headers
  readonly #onUnread: () => void
  readonly #answered = Promise.withResolvers<Answer | undefined>()
  #sink: BodySink | undefined
  #quiet: NodeJS.Timeout | undefined
  #lastId = 0
  #hasLeft = false
  #isEnded = false

  constructor(caller: Caller, headers: Headers, onUnread: () => void) {
    this.#caller = caller
    this.#headers = { 'content-type': 'text/event-stream; charset=utf-8', ...STREAM_HEADERS, ...headers }
    this.#onUnread = onUnread
  }

  get emitter(): Emitter {
    return this
  }

  get hasLeft(): boolean {
    return this.#hasLeft
  }

  get answered(): Promise<Answer | undefined> {
    return this.#answered.promise
  }

  accept(): void {
    if (!this.#isEnded) this.#open()
  }

  chunk(bytes: Uint8Array): Promise<void> {
    this.#hasLeft = true
    return this.#send('chunk', jsonOfChunk(bytes)).room()
  }

  note(kind: NoteKind, value: object): void {
    if ((kind !== 'log' && kind !== 'progress') || this.#isEnded) return
    if (this.#open().waitingBytes > LIMITS.windowBytes) return
    this.#send(kind, JSON.stringify(value))
  }

  complete(result: Result): void {
    if (this.#isEnded) return
    this.#end('result', Buffer.from(jsonOf(result)).toString('utf8'))
  }

  fail(error: OutcomeError, headers: Headers): void {
    if (this.#isEnded) return
    if (this.#sink) return this.#end('error', JSON.stringify(error))
    this.#isEnded = true
    this.#answered.resolve(problemOf(error, headers))
  }

  #end(event: string, data: string): void {
    this.#send(event, data).end()
    this.#isEnded = true
    clearInterval(this.#quiet)
    this.#answered.resolve(undefined)
  }

  #send(event: string, data: string): BodySink {
    const sink = this.#open()
    this.#quiet?.refresh()
    sink.write(encodeEvent({ id: ++this.#lastId, event, data }))
    return sink
  }

  #open(): BodySink {
    if (this.#sink) return this.#sink
    const sink = this.#caller.open(this.#headers, this.#onUnread)
    this.#sink = sink
    sink.write(encodeEvent({ id: this.#lastId }))
    this.#quiet = setInterval(() => sink.write(EVENT_COMMENT), QUIET_MS).unref()
    return sink
  }
}
