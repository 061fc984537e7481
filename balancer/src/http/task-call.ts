/**
 * From a call of `POST /task` to what it asks for: checks the body against the contract and says with a
 * pointer what is wrong. Pure; called once a task, before anything is reserved. The input is only looked
 * at to be an object: its bytes go on to the worker, which judges it. Calls below `/task/{group}/{function}`
 * are read by task-query.ts.
 */
import { isUtf8 } from 'node:buffer'
import {
  ANY_WORKER,
  compileSelector,
  type FieldError,
  fieldErrors,
  findJsonExcess,
  isName,
  type TaskBody,
  type TaskError,
  type TaskTarget,
  taskBodySchema,
} from '@berth/protocol'
import type { Payload, Pieces } from '../ports/dispatch.ts'
import type { Upload } from '../ports/files.ts'
import { wrongField, wrongFields } from './wrong-field.ts'

/** The parts of a request's head that belong to the task. */
export interface TaskHead {
  /** As the caller wrote it; empty when it did not. */
  readonly contentType: string
  readonly contentEncoding: string | undefined
  readonly prefer: string | undefined
  readonly idempotencyKey: string | undefined
  readonly traceparent: string | undefined
  /** `x-wr-auth`: instead of WORKER_AUTH_KEY at a worker that is reached over HTTP. */
  readonly workerKey?: string | undefined
  /** How the caller reached the balancer: `Host`, and `X-Forwarded-Proto` of what lies between. */
  readonly host?: string | undefined
  readonly forwardedProto?: string | undefined
  /** A stream shall be server-sent events. */
  readonly wantsEvents: boolean
  /** It comes from a page of ours, with a session instead of a key. */
  readonly trigger?: 'ui' | 'email' | undefined
}

/** What the address of `POST /task/{group}/{function}` says. */
export interface RoutedTarget extends TaskTarget {
  /** Without its `?`. */
  readonly query: string
}

/** A task as it came over HTTP. */
export interface TaskCall {
  readonly head: TaskHead
  /** In one, unless they are the input itself. */
  readonly bytes: Pieces
  /** Present where the bytes are the input itself. */
  readonly target?: RoutedTarget | undefined
  /** Files that came with it; whoever accepts the task keeps them. */
  readonly upload?: Upload | undefined
}

export type Refused = { readonly ok: false; readonly error: TaskError }

export type CheckedBody = { readonly ok: true; readonly body: TaskBody } | Refused

export type ReadTask = { readonly ok: true; readonly body: TaskBody; readonly payload: Payload } | Refused

const EXAMPLE = 'send an object such as {"function": "hello", "input": {}}.'

const DASH = 0x2d
const NO_PARTS =
  'The body looks like multipart/form-data (it begins with "--"), and Content-Type says otherwise. Leave that header out: curl -F and other clients set it themselves, with the boundary.'

const PLAIN_FIELDS: ReadonlySet<string> = new Set(['function', 'group', 'input', 'mode'])
/** Fields that only a task has whose caller does not wait. */
const BACKGROUND_FIELDS = ['webhook', 'delay', 'runAt'] as const

/** Whether a call that names no mode is async all the same; asked only where it makes a difference. */
export type IsAsync = (head: TaskHead, body: TaskBody) => boolean

const NEVER: IsAsync = () => false

/** `POST /task`: the bytes are the whole body, and go to the worker as they are. */
export function readTask(head: TaskHead, bytes: Uint8Array, isAsync: IsAsync = NEVER): ReadTask {
  const wrongHead = isMultipart(head) ? NO_MULTIPART : findWrongHead(head)
  if (wrongHead) return { ok: false, error: wrongHead }
  const read = readJsonObject(bytes)
  if (!read.ok) return read
  const checked = checkTask(read.value, head, isAsync)
  return checked.ok ? { ...checked, payload: { bytes, mediaType: '', isEnvelope: true } } : checked
}

/** Holds a parsed body against the contract and what this version does. */
export function checkTask(value: unknown, head: TaskHead, isAsync: IsAsync = NEVER): CheckedBody {
  if (isPlainTask(value)) return { ok: true, body: value }
  const parsed = taskBodySchema.safeParse(value)
  if (!parsed.success) return wrongFields(fieldErrors(parsed.error.issues))
  return checkMode(parsed.data, head, isAsync)
}

/** A task that names a function, perhaps a group or a mode, and an input: most are, and the schema has no more to say of it. */
function isPlainTask(value: unknown): value is TaskBody {
  if (!isObject(value)) return false
  for (const name in value) if (!PLAIN_FIELDS.has(name)) return false
  const { function: called, group, input, mode } = value as Readonly<Record<string, unknown>>
  if (mode !== undefined && mode !== 'async' && mode !== 'sync') return false
  if (typeof called !== 'string' || !isName(called)) return false
  if (group !== undefined && (typeof group !== 'string' || !isName(group))) return false
  return input === undefined || isObject(input)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The selector of a task, ready to be asked. */
export function selectorOf(body: TaskBody): ReturnType<typeof compileSelector> {
  return body.tags === undefined ? ANY_WORKER : compileSelector(body.tags)
}

/** What both routes answer to a body that is over `REQUEST_BODY_LIMIT`. */
export function bodyTooLarge(limitBytes: number): TaskError {
  return { code: 'PAYLOAD_TOO_LARGE', detail: `The body is over ${limitBytes} bytes (REQUEST_BODY_LIMIT).` }
}

const NO_MULTIPART: TaskError = {
  code: 'UNSUPPORTED_MEDIA_TYPE',
  detail:
    'A multipart body is taken by POST /task alone. Send JSON here, or one file as the body of POST /task/{group}/{function}.',
}

export function isMultipart({ contentType }: Pick<TaskHead, 'contentType'>): boolean {
  return contentType.trim().toLowerCase().startsWith('multipart/')
}

/** What of the head nothing can be done with, whatever the body. */
export function findWrongHead(head: TaskHead): TaskError | undefined {
  const { contentEncoding } = head
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity')
    return { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'Send the body without Content-Encoding.' }
  return undefined
}

/** The bytes as one JSON object, within the bounds of what is parsed at all. `example` is what to send instead. */
export function readJsonObject(
  bytes: Uint8Array,
  example = EXAMPLE,
): { readonly ok: true; readonly value: object } | Refused {
  if (bytes.length === 0) return invalid(`The body is empty; ${example}`)
  // Before all else: what is in the parts is seldom text.
  if (bytes[0] === DASH && bytes[1] === DASH) return invalid(NO_PARTS)
  if (!isUtf8(bytes)) return invalid('The body is not valid UTF-8.')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  if (text.startsWith('\uFEFF')) return invalid('The body begins with a byte order mark; send it without.')
  const excess = findJsonExcess(bytes)
  if (excess !== undefined) return invalid(`The body ${excess}.`)
  const value = parseJson(text)
  if (value === undefined) return invalid(`The body is not JSON; ${example}`)
  if (!isObject(value))
    return invalid(`The body must be a JSON object; ${example}`, [
      { pointer: '', detail: 'must be an object' },
    ])
  return { ok: true, value }
}

function checkMode(body: TaskBody, head: TaskHead, isAsync: IsAsync): CheckedBody {
  const isOrdered = BACKGROUND_FIELDS.some((field) => body[field] !== undefined)
  const unnamed = body.async === true || (isOrdered && isAsync(head, body)) ? 'async' : 'sync'
  const mode = body.mode ?? unnamed
  if (body.async === true && mode !== 'async')
    return wrongField('/async', `true contradicts \`mode: "${mode}"\``)
  if (mode === 'sync' || mode === 'stream')
    for (const field of BACKGROUND_FIELDS)
      if (body[field] !== undefined) return wrongField(`/${field}`, `contradicts mode ${mode}`)
  if (mode === 'webhook' && body.webhook === undefined)
    return wrongField('/webhook', 'is required with `mode: "webhook"`')
  if (mode === 'stream' && body.session !== undefined) return wrongField('/session', NO_STREAMED_TURN)
  if (body.delay !== undefined && body.runAt !== undefined) return wrongField('/runAt', 'contradicts /delay')
  return { ok: true, body }
}

/** A turn outlives its caller; a stream ends with its connection. */
const NO_STREAMED_TURN =
  'contradicts mode stream; send the task with `mode: "async"` and read GET /runs/{id}/events, which streams and resumes'

const TRACE_PATTERN = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/

/** Whether a header `traceparent` is one. */
export function isTrace(traceparent: string | undefined): traceparent is string {
  return traceparent !== undefined && TRACE_PATTERN.test(traceparent)
}

export const NOT_YET = 'not supported yet'

/** Better refused than silently not done. */
export function notYet(what: string, pointer?: string): TaskError {
  const detail = `This version of Berth does not do ${what} yet.`
  const errors = pointer === undefined ? undefined : [{ pointer, detail: NOT_YET }]
  return { code: 'INVALID_REQUEST', detail, ...(errors ? { errors } : {}) }
}

export function invalid(detail: string, errors?: readonly FieldError[]): Refused {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail, ...(errors ? { errors } : {}) } }
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
