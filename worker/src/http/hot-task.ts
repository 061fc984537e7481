/**
 * The short way of `POST /task`: from Node's own request to Node's own response, without the router. Mounted
 * before it by `compose.ts`. Takes only what is plain (one key, right; JSON; no encoding) and leaves everything
 * else, refusals included, to `http.ts`, so that no rule stands twice.
 * Invariant: a request is taken whole or not touched.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createHeaderCheck, createTurnEnd, type TurnEnd } from '@berth/runtime'
import { plainType } from '../bytes/media-type.ts'
import type { Keys } from '../config.ts'
import type { WorkerParts } from '../parts.ts'
import type { Answer } from './answer.ts'
import { acceptsEvents, answerTask, bodyTooLarge } from './http.ts'
import { takeBody } from './http-body.ts'

/** Up to this an answer leaves as one text with its head: one system call instead of two. */
const ONE_WRITE_BYTES = 16 * 1024
const NO_QUERY = new URLSearchParams()

/** True when the request was taken. */
export function createHotTask(parts: WorkerParts, keys: Keys) {
  const opens = createHeaderCheck(keys.authKey)
  const atTurnEnd = createTurnEnd((error) => parts.log.error('an answer could not be written', { error }))
  return (incoming: IncomingMessage, outgoing: ServerResponse): boolean => {
    if (incoming.method !== 'POST' || incoming.url !== '/task' || !isPlain(incoming)) return false
    if (!opens(incoming.socket, incoming.headers.authorization)) return false
    if (Number(incoming.headers['content-length'] ?? 0) > parts.limits.requestBodyBytes) return false
    void run(parts, incoming, outgoing, atTurnEnd)
    return true
  }
}

function isPlain(incoming: IncomingMessage): boolean {
  const { headers } = incoming
  if (headers['x-lb-auth'] !== undefined || headers['content-encoding'] !== undefined) return false
  if (headers.expect !== undefined) return false
  return headers.host !== undefined && !plainType(headers['content-type'] ?? '').startsWith('multipart/')
}

function run(
  parts: WorkerParts,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  atTurnEnd: TurnEnd,
): void {
  takeBody(incoming, parts.limits.requestBodyBytes, (body) => {
    if (body.kind === 'gone') return
    if (body.kind === 'too-large') return write(outgoing, bodyTooLarge(parts))
    const request = {
      bytes: body.bytes,
      query: NO_QUERY,
      contentType: incoming.headers['content-type'] ?? '',
      wantsEvents: acceptsEvents(incoming.headers.accept),
    }
    const send = (answer: Answer | undefined) => {
      if (answer) atTurnEnd(() => write(outgoing, answer))
    }
    const fail = (error: unknown) => {
      parts.log.error('a request failed', { path: '/task', error })
      outgoing.destroy()
    }
    try {
      const answered = answerTask(parts, request, incoming, outgoing)
      if (answered instanceof Promise) answered.then(send, fail)
      else send(answered)
    } catch (error) {
      fail(error)
    }
  })
}

function write(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  if (outgoing.destroyed) return
  const flat: string[] = []
  for (const name in headers) flat.push(name, headers[name] as string)
  flat.push('content-length', String(Buffer.byteLength(body)))
  outgoing.writeHead(status, flat)
  if (typeof body === 'string' || body.length > ONE_WRITE_BYTES) outgoing.end(body)
  else outgoing.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), 'latin1')
}
