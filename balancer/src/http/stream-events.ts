/**
 * A stream as server-sent events: an id-only event as soon as the task is accepted, then `chunk`, `log` and
 * `progress`, and at the end `result` or `error`, numbered from 1. Made by stream-reply.ts, once a task.
 *
 * `data` is JSON, as a worker's own streams have it: a chunk `{text}` or `{base64}`, a line
 * `{at, level, text, …}`, progress `{fraction, text?}`, the result as the function returned it (bytes
 * `{mediaType, base64}`), an error `{code, message, …}`.
 * Invariant: a stream without `result` or `error` at its end is not complete.
 */
import type { TaskError } from '@berth/protocol'
import { EVENT_COMMENT, encodeEvent, jsonOfBytes, jsonOfChunk, wholeOf } from '@berth/runtime'
import type { StreamItem } from '../ports/stream.ts'
import type { Settlement } from '../ports/submission.ts'
import type { StreamBody } from './stream-body.ts'
import { EventItems } from './stream-items.ts'
import {
  type Failed,
  STREAM_HEADERS,
  type StreamReply,
  type StreamReplyOptions,
  Untaken,
} from './stream-reply.ts'

/** A connection without a byte for so long may be closed by what lies between. */
const QUIET_MS = 15_000

export class EventReply implements StreamReply {
  readonly #options: StreamReplyOptions
  readonly #untaken = new Untaken()
  readonly #items = new EventItems()
  #body: StreamBody | undefined
  #quiet: NodeJS.Timeout | undefined
  #lastId = 0

  constructor(options: StreamReplyOptions) {
    this.#options = options
  }

  accept(): void {
    this.#open()
  }

  item(item: StreamItem): void {
    const { kind, source, bytes } = item
    // Of a task in memory none comes; they are no events of such a stream.
    if (kind === 'usage' || kind === 'message' || kind === 'source') return source.taken(bytes.length)
    const whole = this.#items.add(item)
    this.#untaken.add(item)
    if (whole) this.#send(kind, kind === 'chunk' ? jsonOfChunk(whole) : textOf(whole))
    if (this.#open().isTaken) this.#untaken.take()
  }

  settle(settlement: Settlement): void {
    if (settlement.kind === 'completed')
      this.#send('result', textOf(jsonOfBytes(settlement.mediaType, wholeOf(settlement.result))))
    else this.#send('error', wordError(settlement))
    clearInterval(this.#quiet)
    this.#open().end()
  }

  #send(event: string, data: string): void {
    this.#quiet?.refresh()
    this.#open().write(encodeEvent({ id: ++this.#lastId, event, data }))
  }

  #open(): StreamBody {
    if (this.#body) return this.#body
    const { open, headersOf } = this.#options
    const headers = {
      'content-type': 'text/event-stream; charset=utf-8',
      ...STREAM_HEADERS,
      ...headersOf({}),
    }
    const body = open(headers, () => this.#untaken.take())
    this.#body = body
    body.write(encodeEvent({ id: this.#lastId }))
    this.#quiet = setInterval(() => body.write(EVENT_COMMENT), QUIET_MS).unref()
    return body
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** With what there was of the result, if its budget was used up. */
function wordError({ error, soFar }: Failed): string {
  const text = JSON.stringify(errorOf(error))
  if (!soFar) return text
  return `${text.slice(0, -1)},"result":${textOf(jsonOfBytes(soFar.mediaType, wholeOf(soFar.bytes)))}}`
}

/** As a worker words it. */
function errorOf({ code, detail, errors, retryAfterMs }: TaskError): object {
  return {
    code,
    message: detail,
    ...(errors ? { errors } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}
