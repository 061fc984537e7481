/**
 * The short way of `POST /task`: from Node's own request to Node's own response, without the router.
 * The key is checked before a byte of the body is read; the body is taken in one piece when it comes
 * so; a caller that goes away ends its task.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TaskError } from '@berth/protocol'
import { createTurnEnd, type Log, type TurnEnd } from '@berth/runtime'
import { type Gate, mediaTypeOf, readHead } from './auth.ts'
import { DISCARD_BYTES } from './body-bytes.ts'
import type { Door } from './door.ts'
import { sendProblem } from './problem.ts'
import { type BodyTerms, findRefusal, ReceivedBody } from './received-body.ts'
import { SECURITY_HEADERS } from './security-headers.ts'
import { bodyTooLarge, type TaskHead } from './task-call.ts'
import type { TaskAnswer, Tasks } from './tasks.ts'

export interface HotTaskDeps {
  readonly gate: Gate
  readonly tasks: Tasks
  readonly log: Log
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
  readonly door: Door
}

/** A listener that takes `POST /task` and leaves everything else (false). */
export function createHotTask(deps: HotTaskDeps): (req: IncomingMessage, res: ServerResponse) => boolean {
  const terms = bodyTermsOf(deps)
  const atTurnEnd = createTurnEnd((error) => deps.log.error('an answer could not be written', { error }))
  return (req, res) => {
    if (!isHot(req)) return false
    const admission = deps.gate.admit(readHead(req))
    if (!admission.ok) refuse(req, res, admission.error)
    else readBody(req, res, terms, (bytes) => run(req, res, deps.tasks, bytes, atTurnEnd))
    return true
  }
}

/** Whether a client that asks first may send its body. */
export function mayContinue(deps: Pick<HotTaskDeps, 'gate' | 'bodyLimitBytes' | 'door'>) {
  const terms = bodyTermsOf(deps)
  return (req: IncomingMessage): boolean => {
    if (!deps.gate.admit(readHead(req)).ok) return req.url === '/sign-in'
    return !isHot(req) || findRefusal(terms, req.headers['content-length']) === undefined
  }
}

function bodyTermsOf({ bodyLimitBytes, door }: Pick<HotTaskDeps, 'bodyLimitBytes' | 'door'>): BodyTerms {
  return { limitBytes: bodyLimitBytes, tooLarge: bodyTooLarge(bodyLimitBytes), door }
}

function isHot({ method, url }: IncomingMessage): boolean {
  return method === 'POST' && url === '/task'
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

function run(
  req: IncomingMessage,
  res: ServerResponse,
  tasks: Tasks,
  bytes: Buffer,
  atTurnEnd: TurnEnd,
): void {
  // The caller has gone while it sent its last bytes.
  if (res.destroyed) return
  const { traceparent } = req.headers
  const trace = typeof traceparent === 'string' ? traceparent : undefined
  let isAnswered = false
  const abandon = tasks.handle(taskHeadOf(req.headers), bytes, trace, (answer) => {
    isAnswered = true
    atTurnEnd(() => write(res, answer))
  })
  if (isAnswered) return
  res.on('close', () => {
    if (!isAnswered) abandon()
  })
}

/** Up to this an answer leaves as one text with its head: one system call instead of two. */
const ONE_WRITE_BYTES = 16 * 1024
const SECURITY: readonly string[] = Object.entries(SECURITY_HEADERS).flat()

function write(res: ServerResponse, { status, headers, body }: TaskAnswer): void {
  if (res.destroyed) return
  const flat: string[] = ['content-length', String(Buffer.byteLength(body)), ...SECURITY]
  for (const name in headers) flat.push(name, headers[name] as string)
  res.writeHead(status, flat)
  if (typeof body === 'string' || body.length > ONE_WRITE_BYTES) res.end(body)
  else res.end(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('latin1'), 'latin1')
}

function readBody(
  req: IncomingMessage,
  res: ServerResponse,
  terms: BodyTerms,
  done: (bytes: Buffer) => void,
): void {
  const body = new ReceivedBody(terms, req.headers['content-length'])
  if (body.refusal !== undefined) return refuse(req, res, body.refusal)
  const onData = (piece: Buffer) => {
    if (body.add(piece)) return
    req.off('data', onData)
    req.off('end', onEnd)
    refuse(req, res, body.refusal as TaskError)
  }
  const onEnd = () => done(body.take())
  req.on('data', onData)
  req.once('end', onEnd)
  // A caller may go in the middle of its body.
  req.on('close', () => body.drop())
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
