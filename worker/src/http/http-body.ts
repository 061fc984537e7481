/**
 * Reads a request's body up to a limit, from the socket itself. Called by `http.ts` before a task is looked at.
 * Invariant: at most the limit is held in memory, whatever the length says or the client sends.
 */
import type { IncomingMessage } from 'node:http'

export type ReadBody =
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  | { readonly kind: 'too-large' }
  /** The client left in the middle. */
  | { readonly kind: 'gone' }

const EMPTY = new Uint8Array(0)

export function readBody(request: IncomingMessage, limitBytes: number): Promise<ReadBody> {
  return new Promise((resolve) => takeBody(request, limitBytes, resolve))
}

/** The same with a callback, which is called once. */
export function takeBody(
  request: IncomingMessage,
  limitBytes: number,
  done: (result: ReadBody) => void,
): void {
  const declared = Number(request.headers['content-length'])
  if (declared > limitBytes) return done({ kind: 'too-large' })
  const chunks: Buffer[] = []
  let size = 0
  let isDone = false
  // The listeners go with the request: to take them off again costs more than to pass them over.
  const end = (result: ReadBody) => {
    if (isDone) return
    isDone = true
    done(result)
  }
  request.on('error', () => {})
  request.on('data', (chunk: Buffer) => {
    if (isDone) return
    size += chunk.length
    if (size <= limitBytes) return void chunks.push(chunk)
    request.pause()
    // The listeners stay as long as the connection, and this array with them.
    chunks.length = 0
    end({ kind: 'too-large' })
  })
  request.on('end', () => {
    const [only] = chunks
    end({ kind: 'whole', bytes: chunks.length > 1 ? Buffer.concat(chunks, size) : (only ?? EMPTY) })
  })
  request.on('close', () => end({ kind: 'gone' }))
}
