/**
 * The body of an answer in server-sent events: text as it comes from a generator, no faster than the client reads.
 * Used by event-routes.ts and by the streams of other APIs.
 * Invariant: a client that goes away or takes nothing ends the generator, and `leaving` tells whoever waits inside it.
 */
import { EVENT_COMMENT } from '@berth/runtime'

/** A client that takes nothing for so long is cut. */
export const STALL_MS = 30_000

export function eventBody(
  texts: AsyncGenerator<string, void, void>,
  leaving: AbortController,
  stallMs: number = STALL_MS,
): ReadableStream<Uint8Array> {
  let stalled: NodeJS.Timeout | undefined
  const leave = async () => {
    clearTimeout(stalled)
    leaving.abort()
    await texts.return()
  }
  return new ReadableStream<Uint8Array>({
    start(controller) {
      // The client hears at once that it is followed.
      controller.enqueue(Buffer.from(EVENT_COMMENT))
    },
    async pull(controller) {
      clearTimeout(stalled)
      const { done, value } = await texts.next()
      if (done) return controller.close()
      controller.enqueue(Buffer.from(value))
      stalled = setTimeout(() => {
        controller.error(new Error('the client takes nothing'))
        void leave()
      }, stallMs)
    },
    cancel: leave,
  })
}
