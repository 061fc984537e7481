/**
 * From the bytes of `POST /task` to what they ask for: checks the body against the contract and says
 * with a pointer what is wrong. Pure; called once a task, before anything is reserved. The input is
 * only looked at to be an object: its bytes go on to the worker, which judges it.
 */
import { isUtf8 } from 'node:buffer'
import {
  compileSelector,
  type FieldError,
  fieldErrors,
  findJsonExcess,
  type TaskBody,
  type TaskError,
  taskBodySchema,
} from '@berth/protocol'

/** The parts of the head that belong to the task. */
export interface TaskHead {
  readonly contentType: string
  readonly contentEncoding: string | undefined
  readonly prefer: string | undefined
  readonly idempotencyKey: string | undefined
}

type Refused = { readonly ok: false; readonly error: TaskError }

export type ReadTask = { readonly ok: true; readonly body: TaskBody } | Refused

const EXAMPLE = 'send an object such as {"function": "hello", "input": {}}.'

/** Fields of the contract that need runs on disk or budgets, which a later version has. */
const LATER_FIELDS = ['session', 'budget'] as const
/** Fields that only a task has whose caller does not wait. */
const BACKGROUND_FIELDS = ['webhook', 'delay', 'runAt'] as const

export function readTask(head: TaskHead, bytes: Uint8Array): ReadTask {
  const wrongHead = checkHead(head)
  if (wrongHead) return { ok: false, error: wrongHead }
  const read = readValue(bytes)
  if (!read.ok) return read
  const parsed = taskBodySchema.safeParse(read.value)
  if (!parsed.success) return wrongFields(fieldErrors(parsed.error.issues))
  return checkMode(parsed.data)
}

/** The selector of a task, ready to be asked. */
export function selectorOf(body: TaskBody): ReturnType<typeof compileSelector> {
  return compileSelector(body.tags)
}

/** What both routes answer to a body that is over `REQUEST_BODY_LIMIT`. */
export function bodyTooLarge(limitBytes: number): TaskError {
  return { code: 'PAYLOAD_TOO_LARGE', detail: `The body is over ${limitBytes} bytes (REQUEST_BODY_LIMIT).` }
}

function checkHead(head: TaskHead): TaskError | undefined {
  const { contentType, contentEncoding, idempotencyKey, prefer } = head
  if (contentType.startsWith('multipart/'))
    return { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'This version takes no multipart bodies; send JSON.' }
  if (contentEncoding !== undefined && contentEncoding.toLowerCase() !== 'identity')
    return { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'Send the body without Content-Encoding.' }
  if (idempotencyKey !== undefined) return notYet('the header Idempotency-Key')
  if (prefer !== undefined && /(^|[,;\s])(respond-async|wait\s*=)/i.test(prefer))
    return notYet('the header Prefer')
  return undefined
}

function readValue(bytes: Uint8Array): { readonly ok: true; readonly value: object } | Refused {
  if (bytes.length === 0) return invalid(`The body is empty; ${EXAMPLE}`)
  if (!isUtf8(bytes)) return invalid('The body is not valid UTF-8.')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  if (text.startsWith('\uFEFF')) return invalid('The body begins with a byte order mark; send it without.')
  const excess = findJsonExcess(bytes)
  if (excess !== undefined) return invalid(`The body ${excess}.`)
  const value = parseJson(text)
  if (value === undefined) return invalid(`The body is not JSON; ${EXAMPLE}`)
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return invalid(`The body must be a JSON object; ${EXAMPLE}`, [
      { pointer: '', detail: 'must be an object' },
    ])
  return { ok: true, value }
}

function checkMode(body: TaskBody): ReadTask {
  const mode = body.mode ?? (body.async === true ? 'async' : 'sync')
  if (body.async === true && mode !== 'async')
    return wrongField('/async', `true contradicts \`mode: "${mode}"\``)
  if (mode === 'sync' || mode === 'stream')
    for (const field of BACKGROUND_FIELDS)
      if (body[field] !== undefined) return wrongField(`/${field}`, `contradicts mode ${mode}`)
  if (mode === 'webhook' && body.webhook === undefined)
    return wrongField('/webhook', 'is required with `mode: "webhook"`')
  if (body.delay !== undefined && body.runAt !== undefined) return wrongField('/runAt', 'contradicts /delay')
  if (mode !== 'sync') return { ok: false, error: notYet(`the mode "${mode}"`, '/mode') }
  for (const field of LATER_FIELDS)
    if (body[field] !== undefined) return { ok: false, error: notYet(`the field "${field}"`, `/${field}`) }
  return { ok: true, body }
}

/** Better refused than silently not done. */
function notYet(what: string, pointer?: string): TaskError {
  const detail = `This version of Berth does not do ${what} yet; it answers sync tasks.`
  const errors = pointer === undefined ? undefined : [{ pointer, detail: 'not supported yet' }]
  return { code: 'INVALID_REQUEST', detail, ...(errors ? { errors } : {}) }
}

function wrongField(pointer: string, detail: string): Refused {
  return wrongFields([{ pointer, detail }])
}

function wrongFields(errors: readonly FieldError[]): Refused {
  const [first] = errors
  return invalid(`The body is wrong at ${first?.pointer || '/'}: ${first?.detail}.`, errors)
}

function invalid(detail: string, errors?: readonly FieldError[]): Refused {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail, ...(errors ? { errors } : {}) } }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
