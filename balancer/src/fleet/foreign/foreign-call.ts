/**
 * One task at a worker of another make: a `POST /task` of its own, which is all that is known of it. Made by
 * foreign-link.ts for each assignment.
 * Invariants: `onFinished` comes once, never before the constructor has returned; a request that reached the worker may
 * have run; at most a window of a stream is with readers who have not taken it.
 */
import { type Agent, type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { LIMITS, type OutcomeError } from '@berth/protocol'
import { wholeOf } from '@berth/runtime'
import type { Assignment, Payload } from '../../ports/dispatch.ts'
import type { StreamItem } from '../../ports/stream.ts'
import type { Outcome } from '../../ports/workforce.ts'

export interface CallTarget {
  /** Base URL, http or https. */
  readonly url: string
  readonly fleetKey: string
  readonly workerKey: string
  readonly group: string
  readonly agent: Agent
  readonly resultLimitBytes: number
}

export interface CallEvents {
  onItem(item: StreamItem): void
  /** Nothing of it has reached the worker. */
  onNeverSent(): void
  onFinished(outcome: Outcome): void
}

const NOTHING = new Uint8Array(0)
/** What an answer may hold beside the result. */
const MARGIN_BYTES = 64 * 1024
/** The worker refuses itself: somebody else may take the task. */
const ELSEWHERE: Readonly<Record<number, OutcomeError['code']>> = { 503: 'MAINTENANCE' }

type Ending = Pick<Outcome, 'outcome' | 'error' | 'result'>

export class ForeignCall {
  readonly #assignment: Assignment
  readonly #target: CallTarget
  readonly #events: CallEvents
  readonly #request: ReturnType<typeof plainRequest> | undefined
  readonly #startedAt = performance.now()
  readonly #timer: NodeJS.Timeout | undefined
  #isOver = false
  #response: IncomingMessage | undefined
  #untakenBytes = 0

  constructor(assignment: Assignment, target: CallTarget, events: CallEvents) {
    this.#assignment = assignment
    this.#target = target
    this.#events = events
    const body = bodyOf(assignment, target.group)
    if (typeof body !== 'string') {
      setImmediate(() => this.#end({ outcome: 'refused', error: body, result: NOTHING }))
      return
    }
    this.#request = this.#send(body)
    const { timeoutMs } = assignment
    if (timeoutMs !== null)
      this.#timer = setTimeout(() => this.#stop('timeout', lateError(timeoutMs)), timeoutMs)
  }

  /** Its caller, its deadline or an operator ends it: all that can be done is to close the request. */
  cancel(): void {
    setImmediate(() => this.#stop('cancelled', undefined))
  }

  /** Its worker is gone, and with it everybody who would hear of its end. */
  drop(): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#request?.destroy()
  }

  #send(body: string): ReturnType<typeof plainRequest> {
    const { url, fleetKey, workerKey, agent } = this.#target
    const { trace, workerKey: callers } = this.#assignment
    const send = url.startsWith('https:') ? secureRequest : plainRequest
    const request = send(`${url}/task`, {
      method: 'POST',
      agent,
      headers: {
        authorization: callers ?? workerKey,
        'x-lb-auth': fleetKey,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...(trace === '' ? {} : { traceparent: trace }),
      },
    })
    request.on('response', (response) => this.#read(response))
    request.on('error', (error: NodeJS.ErrnoException) => this.#fail(error))
    request.end(body)
    return request
  }

  #fail({ code }: NodeJS.ErrnoException): void {
    if (this.#isOver) return
    if (code !== 'ECONNREFUSED') return this.#end({ outcome: 'lost', result: NOTHING })
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#events.onNeverSent()
  }

  #stop(outcome: 'cancelled' | 'timeout', error: OutcomeError | undefined): void {
    if (this.#isOver) return
    this.#end({ outcome, result: NOTHING, ...(error ? { error } : {}) })
    this.#request?.destroy()
  }

  #end(ending: Ending): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    const runMs = performance.now() - this.#startedAt
    this.#events.onFinished({ ...ending, runMs, mediaType: '' })
  }

  // --- The answer ------------------------------------------------------------------------------

  #read(response: IncomingMessage): void {
    this.#response = response
    const { statusCode = 0 } = response
    const isStream = this.#assignment.mode === 'stream' && statusCode >= 200 && statusCode < 300
    if (isStream) this.#stream(response)
    else this.#gather(response, statusCode)
  }

  #gather(response: IncomingMessage, status: number): void {
    const pieces: Buffer[] = []
    let bytes = 0
    const limit = this.#target.resultLimitBytes
    response.on('data', (piece: Buffer) => {
      bytes += piece.length
      pieces.push(piece)
      if (bytes <= limit + MARGIN_BYTES) return
      const message = `The result is over ${limit} bytes (RESULT_LIMIT).`
      this.#end({ outcome: 'failed', error: { code: 'RESULT_TOO_LARGE', message }, result: NOTHING })
      response.destroy()
    })
    response.on('end', () => this.#end(judge(status, Buffer.concat(pieces).toString('utf8'))))
    response.on('close', () => this.#end({ outcome: 'lost', result: NOTHING }))
  }

  /** A stream that is cut off must not look like one that has ended. */
  #stream(response: IncomingMessage): void {
    const source = { taken: (bytes: number) => this.#taken(bytes) }
    response.on('data', (bytes: Buffer) => {
      if (this.#isOver) return
      this.#untakenBytes += bytes.length
      if (this.#untakenBytes >= LIMITS.windowBytes) response.pause()
      this.#events.onItem({ kind: 'chunk', bytes, isLast: true, source })
    })
    response.on('end', () => this.#end({ outcome: 'completed', result: Buffer.from('null') }))
    response.on('close', () => this.#end({ outcome: 'lost', result: NOTHING }))
  }

  #taken(bytes: number): void {
    this.#untakenBytes -= bytes
    if (this.#untakenBytes < LIMITS.windowBytes) this.#response?.resume()
  }
}

/** What the worker is asked, or why it cannot be. */
function bodyOf(assignment: Assignment, group: string): string | OutcomeError {
  const { function: name, contract, priority, mode, payload } = assignment
  const input = inputOf(payload)
  if (!input) return NO_JSON
  const asked = mode === 'stream' ? 'stream' : 'sync'
  return JSON.stringify({ function: name, input: input.value, group, contract, priority, mode: asked })
}

function inputOf({ bytes, mediaType, isEnvelope, files }: Payload): { readonly value: unknown } | undefined {
  if (mediaType !== '' || files !== undefined) return undefined
  const value: unknown = JSON.parse(Buffer.from(wholeOf(bytes)).toString('utf8') || '{}')
  return { value: isEnvelope ? ((value as { input?: unknown }).input ?? {}) : value }
}

const NO_JSON: OutcomeError = {
  code: 'INTERNAL',
  message: 'This worker takes JSON alone, no bytes and no files: it speaks another protocol than ours.',
  nonRetryable: true,
}

function lateError(timeoutMs: number): OutcomeError {
  return { code: 'TIMEOUT', message: `The attempt took longer than its timeout of ${timeoutMs} ms` }
}

/** In our words: what the worker said of the task. */
function judge(status: number, text: string): Ending {
  const said = readAnswer(text)
  const isFine = status >= 200 && status < 300 && said?.success !== false
  if (isFine && said)
    return { outcome: 'completed', result: Buffer.from(JSON.stringify(said.result ?? null)) }
  const elsewhere = ELSEWHERE[status]
  const message = messageOf(said, status)
  if (elsewhere) return { outcome: 'refused', error: { code: elsewhere, message }, result: NOTHING }
  return { outcome: status === 504 ? 'timeout' : 'failed', error: errorOf(status, message), result: NOTHING }
}

function errorOf(status: number, message: string): OutcomeError {
  if (status === 504) return { code: 'TIMEOUT', message }
  if (status === 400 || status === 422) return { code: 'INVALID_INPUT', message, nonRetryable: true }
  if (status === 401 || status === 403)
    return {
      code: 'FUNCTION_FAILED',
      message: `The worker refuses the key of this task: ${message}`,
      nonRetryable: true,
    }
  return { code: 'FUNCTION_FAILED', message }
}

interface Said {
  readonly success?: unknown
  readonly result?: unknown
  readonly error?: unknown
  readonly message?: unknown
  readonly detail?: unknown
}

function readAnswer(text: string): Said | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : { result: value }
  } catch {
    return undefined
  }
}

function messageOf(said: Said | undefined, status: number): string {
  for (const text of [said?.error, said?.message, said?.detail])
    if (typeof text === 'string' && text !== '') return text.slice(0, LIMITS.messageText)
  if (typeof said?.error === 'object' && said.error !== null)
    return JSON.stringify(said.error).slice(0, LIMITS.messageText)
  return `The worker answered ${status} without a reason.`
}
