/**
 * A stream as plain text: the raw chunks, one behind the other. Headers go with the first chunk, or with the
 * failure and its status; the return value is not sent. Made by tasks.ts, one a task.
 * Invariant: a stream that failed after its first chunk is cut off.
 */
import type { StreamItem, StreamOrigin } from '../ports/stream.ts'
import type { Provenance, Settlement } from '../ports/submission.ts'
import type { StreamBody } from './stream-body.ts'
import { STREAM_HEADERS, type StreamReply, type StreamReplyOptions, Untaken } from './stream-reply.ts'

export class TextReply implements StreamReply {
  readonly #options: StreamReplyOptions
  readonly #untaken = new Untaken()
  #body: StreamBody | undefined

  constructor(options: StreamReplyOptions) {
    this.#options = options
  }

  accept(): void {}

  item(item: StreamItem, origin: StreamOrigin): void {
    if (item.kind !== 'chunk') return item.source.taken(item.bytes.length)
    const body = this.#open(origin)
    this.#untaken.add(item)
    body.write(item.bytes)
    if (body.isTaken) this.#untaken.take()
  }

  settle(settlement: Settlement): void {
    if (settlement.kind === 'completed') this.#open(settlement).end()
    else if (this.#body) this.#body.cut()
    else this.#options.fail(settlement)
  }

  #open(known: Partial<Provenance>): StreamBody {
    const { open, headersOf } = this.#options
    const headers = { 'content-type': 'text/plain; charset=utf-8', ...STREAM_HEADERS, ...headersOf(known) }
    this.#body ??= open(headers, () => this.#untaken.take())
    return this.#body
  }
}
