/**
 * One task call on Node's own request and response: gathers the body within its limit, has `Tasks` run it, and
 * writes what comes back. Mounted before the router (hot-task.ts) and in it (task-routes.ts), which both have
 * checked the key before a byte of the body is read.
 * Invariant: a caller that goes away ends its task, and a refused upload gets its answer, not a reset.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { plainType, type TaskError } from '@berth/protocol'
import { createTurnEnd, type Log, type Pieces, type TurnEnd } from '@berth/runtime'
import type { UploadsPort } from '../ports/files.ts'
import { latin1Of, lengthOf, ONE_WRITE_BYTES } from './answer-body.ts'
import { DISCARD_BYTES } from './body-bytes.ts'
import type { Door } from './door.ts'
import { filesTooLarge, readMultipart } from './multipart.ts'
import { INTERNAL_ERROR, sendProblem } from './problem.ts'
import { type BodyTerms, findRefusal, ReceivedBody } from './received-body.ts'
import { SECURITY_HEADERS } from './security-headers.ts'
import { CallerBody } from './stream-body.ts'
import { bodyTooLarge, findWrongHead, isMultipart, type RoutedTarget, type TaskHead } from './task-call.ts'
import type { TaskAnswer, TaskReply, Tasks } from './tasks.ts'

export interface TaskExchangeDeps {
  readonly tasks: Tasks
  readonly log: Log
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
  readonly door: Door
  /** Files that come along; undefined refuses multipart bodies. */
  readonly uploads?: UploadsPort | undefined
  /** `RUN_FILES_LIMIT`. */
  readonly filesLimitBytes?: number | undefined
  /** How long a stream's caller may take nothing while bytes wait; 30 s unless given. */
  readonly readerIdleMs?: number | undefined
}

/** Boundaries and headers of the parts. */
const UPLOAD_MARGIN_BYTES = 1024 * 1024
const SECURITY: readonly string[] = Object.entries(SECURITY_HEADERS).flat()

export class TaskExchange {
  readonly #deps: TaskExchangeDeps
  readonly #atTurnEnd: TurnEnd
  readonly #terms: BodyTerms

  constructor(deps: TaskExchangeDeps) {
    this.#deps = deps
    const { bodyLimitBytes, door } = deps
    this.#terms = { limitBytes: bodyLimitBytes, tooLarge: bodyTooLarge(bodyLimitBytes), door }
    this.#atTurnEnd = createTurnEnd((error) => deps.log.error('an answer could not be written', { error }))
  }

  /** Whether a body of which the head alone is known may come. */
  mayReceive({ url, headers }: Pick<IncomingMessage, 'url' | 'headers'>): boolean {
    const contentLength = headers['content-length']
    if (url === '/task' && this.#isUpload(headers)) return Number(contentLength ?? 0) <= this.#uploadBytes
    return findRefusal(this.#terms, contentLength) === undefined
  }

  #isUpload(headers: IncomingMessage['headers']): boolean {
    const { uploads } = this.#deps
    return uploads !== undefined && isMultipart({ contentType: headers['content-type'] ?? '' })
  }

  get #uploadBytes(): number {
    const { filesLimitBytes = 0, bodyLimitBytes } = this.#deps
    return filesLimitBytes + bodyLimitBytes + UPLOAD_MARGIN_BYTES
  }

  /** Takes the request over; `target` is what its address says, if it says anything; `trigger`: from a page. */
  serve(req: IncomingMessage, res: ServerResponse, target?: RoutedTarget, trigger?: 'ui'): void {
    if (target === undefined && this.#isUpload(req.headers)) return void this.#serveUpload(req, res, trigger)
    const contentLength = req.headers['content-length']
    const body = new ReceivedBody(this.#terms, contentLength)
    if (body.refusal !== undefined) return refuseUpload(req, res, body.refusal)
    // With an address that names the function nothing of the body is opened here.
    const end = () => this.#run(req, res, target ? body.takePieces() : body.take(), target, trigger)
    let isInPieces = false
    const onData = (piece: Buffer) => {
      if (!body.add(piece)) {
        req.off('data', onData)
        req.off('end', end)
        refuseUpload(req, res, body.refusal as TaskError)
      } else if (body.isWhole) end()
      else if (!isInPieces) {
        isInPieces = true
        // A caller may go in the middle of its body.
        req.on('close', () => body.drop())
      }
    }
    req.on('data', onData)
    // Of an announced length its last piece tells the end, which saves most requests a turn of the queue.
    if (!(Number(contentLength) > 0)) req.once('end', end)
  }

  async #serveUpload(req: IncomingMessage, res: ServerResponse, trigger: 'ui' | undefined): Promise<void> {
    const { uploads, door, tasks, log, readerIdleMs } = this.#deps
    const bodyBytes = this.#uploadBytes
    const head = { ...readTaskHead(req, trigger), contentType: 'application/json' }
    const isTooLarge = Number(req.headers['content-length'] ?? 0) > bodyBytes
    const refusal = findWrongHead(head) ?? (isTooLarge ? filesTooLarge(bodyBytes) : door.refuse(0))
    const upload = refusal ?? uploads?.begin() ?? INTERNAL_ERROR
    if ('code' in upload) return refuseUpload(req, res, upload)
    try {
      const terms = { task: this.#terms, bodyLimitBytes: bodyBytes }
      const received = await readMultipart(req, upload, terms)
      if (!received.ok || res.destroyed) {
        void upload.drop()
        if (!received.ok && !res.destroyed) refuseUpload(req, res, received.error)
        return
      }
      const caller = new Caller(req, res, this.#atTurnEnd, readerIdleMs)
      const reply: TaskReply = {
        answer: (answer) => {
          // Unless a run has them by now.
          void upload.drop()
          caller.answer(answer)
        },
        open: (...begin) => caller.open(...begin),
      }
      const hasFiles = upload.files.length > 0
      if (!hasFiles) void upload.drop()
      const call = { head, bytes: received.task, upload: hasFiles ? upload : undefined }
      caller.await(tasks.handle(call, reply))
    } catch (error) {
      log.error('an upload failed inside', { error })
      void upload.drop()
      if (!res.headersSent) refuseUpload(req, res, INTERNAL_ERROR)
    }
  }

  #run(
    req: IncomingMessage,
    res: ServerResponse,
    bytes: Pieces,
    target: RoutedTarget | undefined,
    trigger: 'ui' | undefined,
  ): void {
    // The caller has gone while it sent its last bytes.
    if (res.destroyed) return
    const { tasks, readerIdleMs } = this.#deps
    const caller = new Caller(req, res, this.#atTurnEnd, readerIdleMs)
    caller.await(tasks.handle({ head: readTaskHead(req, trigger), bytes, target }, caller))
  }
}

/** Whoever waits for the answer at the other end of a connection. */
class Caller implements TaskReply {
  readonly #req: IncomingMessage
  readonly #res: ServerResponse
  readonly #atTurnEnd: TurnEnd
  readonly #idleMs: number | undefined
  #isAnswered = false

  constructor(req: IncomingMessage, res: ServerResponse, atTurnEnd: TurnEnd, idleMs: number | undefined) {
    this.#req = req
    this.#res = res
    this.#atTurnEnd = atTurnEnd
    this.#idleMs = idleMs
  }

  answer(answer: TaskAnswer): void {
    this.#isAnswered = true
    this.#atTurnEnd(() => writeAnswer(this.#res, answer))
  }

  open(headers: Readonly<Record<string, string>>, onTaken: () => void): CallerBody {
    return new CallerBody(this.#req, this.#res, { headers, onTaken, idleMs: this.#idleMs })
  }

  /** From now on its going ends the task, unless it has its answer. */
  await(abandon: () => void): void {
    if (this.#isAnswered) return
    this.#res.on('close', () => {
      if (!this.#isAnswered) abandon()
    })
  }
}

/** Answers at once and drops what is still coming, so that the client reads the answer, not a reset. */
export function refuseUpload(req: IncomingMessage, res: ServerResponse, error: TaskError): void {
  let dropped = 0
  req.on('data', (piece: Buffer) => {
    dropped += piece.length
    if (dropped > DISCARD_BYTES) req.destroy()
  })
  // Whoever read it before may have held it up.
  req.resume()
  sendProblem(res, error)
}

function readTaskHead({ headers }: IncomingMessage, trigger: 'ui' | undefined): TaskHead {
  const { prefer, traceparent, accept, 'idempotency-key': idempotencyKey } = headers
  const { 'x-forwarded-proto': forwardedProto, 'x-wr-auth': workerKey } = headers
  return {
    contentType: headers['content-type'] ?? '',
    contentEncoding: headers['content-encoding'],
    prefer: Array.isArray(prefer) ? prefer.join(', ') : prefer,
    idempotencyKey: Array.isArray(idempotencyKey) ? idempotencyKey[0] : idempotencyKey,
    workerKey: typeof workerKey === 'string' && workerKey !== '' ? workerKey : undefined,
    traceparent: typeof traceparent === 'string' ? traceparent : undefined,
    host: headers.host,
    forwardedProto: Array.isArray(forwardedProto) ? forwardedProto[0] : forwardedProto,
    wantsEvents: accept !== undefined && acceptsEvents(accept),
    trigger,
  }
}

function acceptsEvents(accept: string): boolean {
  return accept.split(',').some((range) => plainType(range) === 'text/event-stream')
}

function writeAnswer(res: ServerResponse, { status, headers, body }: TaskAnswer): void {
  if (res.destroyed) return
  const flat: string[] = ['content-length', String(lengthOf(body)), ...SECURITY]
  for (const name in headers) flat.push(name, headers[name] as string)
  res.writeHead(status, flat)
  if (typeof body === 'string') res.end(body)
  else writeBytes(res, body instanceof Uint8Array ? [body] : body)
}

function writeBytes(res: ServerResponse, pieces: readonly Uint8Array[]): void {
  if (lengthOf(pieces) <= ONE_WRITE_BYTES) return void res.end(latin1Of(pieces), 'latin1')
  for (const piece of pieces) res.write(piece)
  res.end()
}
