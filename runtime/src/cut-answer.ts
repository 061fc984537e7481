/**
 * Ends a connection in the middle of an answer, so that its client does not take the body for complete. Called
 * by servers whose body failed after its first byte.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

/** How long a cut waits for what was written before. */
const CUT_LIMIT_MS = 1_000

export function cutAnswer(
  { httpVersionMinor }: Pick<IncomingMessage, 'httpVersionMinor'>,
  response: ServerResponse,
): void {
  const { socket } = response
  if (!socket) return void response.destroy()
  // A body of HTTP/1.0 ends where its connection ends: only a reset tells a cut from the end.
  if (httpVersionMinor === 0) return void socket.resetAndDestroy()
  // What was written in this tick still lies in the response, which hands it to the socket at its end.
  setImmediate(() => socket.destroySoon())
  setTimeout(() => socket.destroy(), CUT_LIMIT_MS).unref()
}
