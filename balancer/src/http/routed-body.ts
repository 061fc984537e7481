/**
 * Reads the body of a task or a batch from a router's request. Called by the routes that take one.
 * Invariant: a refused body is answered at once, and what is still sent of it is read and dropped, within a
 * bound, so that the client reads the answer and not a reset.
 */
import type { TaskError } from '@berth/protocol'
import { DISCARD_BYTES } from './body-bytes.ts'
import { type BodyTerms, ReceivedBody } from './received-body.ts'

export type RoutedBody =
  | { readonly ok: true; readonly bytes: Buffer }
  | { readonly ok: false; readonly error: TaskError }

export async function readRoutedBody({ headers, body }: Request, terms: BodyTerms): Promise<RoutedBody> {
  const received = new ReceivedBody(terms, headers.get('content-length'))
  const reader = body?.getReader()
  try {
    while (received.refusal === undefined) {
      const read = await reader?.read()
      if (read === undefined || read.done) return { ok: true, bytes: received.take() }
      received.add(read.value)
    }
  } catch {
    // Nobody reads this: the caller has gone in the middle of it.
    received.refusal = { code: 'INVALID_REQUEST', detail: 'The body ended before its end.' }
  }
  received.drop()
  if (reader) void discard(reader)
  return { ok: false, error: received.refusal }
}

async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let dropped = 0
  try {
    while (dropped <= DISCARD_BYTES) {
      const { done, value } = await reader.read()
      if (done) return
      dropped += value.length
    }
    await reader.cancel()
  } catch {
    // The caller has gone, and with it the rest.
  }
}
