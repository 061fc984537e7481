/**
 * The short way of `POST /task`: from Node's own request to Node's own response, without the router.
 * The key is checked before a byte of the body is read; the body is taken in one piece when it comes
 * so; a caller that goes away ends its task.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TaskError } from '@berth/protocol'
import { type Gate, mediaTypeOf, readHead } from './auth.ts'
import { sendProblem } from './problem.ts'
import type { TaskHead } from './task-call.ts'
import type { TaskAnswer, Tasks } from './tasks.ts'

export interface HotTaskDeps {
  readonly gate: Gate
  readonly tasks: Tasks
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
}

/** What is still sent of a refused body is read and dropped up to this; then the connection is cut. */
const DISCARD_BYTES = 64 * 1024 * 1024

/** A listener that takes `POST /task` and leaves everything else (false). */
export function createHotTask(deps: HotTaskDeps): (req: IncomingMessage, res: ServerResponse) => boolean {
  return (req, res) => {
    if (req.method !== 'POST' || req.url !== '/task') return false
    const admission = deps.gate.admit(readHead(req))
    if (!admission.ok) refuse(req, res, admission.error)
    else if (Number(req.headers['content-length'] ?? 0) > deps.bodyLimitBytes)
      refuse(req, res, tooLarge(deps))
    else readBody(req, res, deps, (bytes) => run(req, res, deps.tasks, bytes))
    return true
  }
}

/** Whether a client that asks first may send its body. */
export function mayContinue(gate: Gate): (req: IncomingMessage) => boolean {
  return (req) => gate.admit(readHead(req)).ok
}

export function taskHeadOf(headers: IncomingMessage['headers']): TaskHead {
  const { prefer, 'idempotency-key': idempotencyKey } = headers
  return {
    contentType: mediaTypeOf(headers['content-type']),
    contentEncoding: headers['content-encoding'],
    prefer: Array.isArray(prefer) ? prefer.join(', ') : prefer,
    idempotencyKey: Array.isArray(idempotencyKey) ? idempotencyKey[0] : idempotencyKey,
  }
}

function run(req: IncomingMessage, res: ServerResponse, tasks: Tasks, bytes: Buffer): void {
  const { traceparent } = req.headers
  const trace = typeof traceparent === 'string' ? traceparent : undefined
  let isAnswered = false
  const abandon = tasks.handle(taskHeadOf(req.headers), bytes, trace, (answer) => {
    isAnswered = true
    write(res, answer)
  })
  if (isAnswered) return
  res.once('close', () => {
    if (!isAnswered) abandon()
  })
}

function write(res: ServerResponse, answer: TaskAnswer): void {
  if (res.destroyed) return
  const { status, headers, body } = answer
  const flat: string[] = []
  for (const name in headers) flat.push(name, headers[name] as string)
  flat.push('content-length', String(Buffer.byteLength(body)), 'cache-control', 'no-store')
  res.writeHead(status, flat)
  res.end(body)
}

function readBody(
  req: IncomingMessage,
  res: ServerResponse,
  deps: HotTaskDeps,
  done: (bytes: Buffer) => void,
): void {
  const pieces: Buffer[] = []
  let bytes = 0
  const onData = (piece: Buffer) => {
    bytes += piece.length
    if (bytes > deps.bodyLimitBytes) {
      req.off('data', onData)
      req.off('end', onEnd)
      refuse(req, res, tooLarge(deps))
    } else pieces.push(piece)
  }
  const onEnd = () => done(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces))
  req.on('data', onData)
  req.once('end', onEnd)
}

/** Answers at once and drops what is still coming, so that the client reads the answer, not a reset. */
function refuse(req: IncomingMessage, res: ServerResponse, error: TaskError): void {
  let dropped = 0
  req.on('data', (piece: Buffer) => {
    dropped += piece.length
    if (dropped > DISCARD_BYTES) req.destroy()
  })
  sendProblem(res, error)
}

function tooLarge({ bodyLimitBytes }: HotTaskDeps): TaskError {
  return {
    code: 'PAYLOAD_TOO_LARGE',
    detail: `The body is over ${bodyLimitBytes} bytes (REQUEST_BODY_LIMIT).`,
  }
}
