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
  const declared = Number(request.headers['content-length'])
  if (declared > limitBytes) return Promise.resolve({ kind: 'too-large' })
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const done = (result: ReadBody) => {
      request.removeListener('data', onData)
      request.removeListener('end', onEnd)
      request.removeListener('close', onClose)
      resolve(result)
    }
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > limitBytes) {
        request.pause()
        return done({ kind: 'too-large' })
      }
      chunks.push(chunk)
    }
    const onEnd = () => {
      const [only] = chunks
      done({ kind: 'whole', bytes: chunks.length > 1 ? Buffer.concat(chunks, size) : (only ?? EMPTY) })
    }
    const onClose = () => done({ kind: 'gone' })
    request.on('error', () => {})
    request.on('data', onData)
    request.on('end', onEnd)
    request.on('close', onClose)
  })
}
