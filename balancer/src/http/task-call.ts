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

export type ReadTask =
  | { readonly ok: true; readonly body: TaskBody }
  | { readonly ok: false; readonly error: TaskError }

/** Fields of the contract that need runs on disk, streams or budgets, which a later version has. */
const LATER_FIELDS = ['webhook', 'delay', 'runAt', 'session', 'budget'] as const

export function readTask(head: TaskHead, bytes: Uint8Array): ReadTask {
  const wrongHead = checkHead(head)
  if (wrongHead) return { ok: false, error: wrongHead }
  if (!isUtf8(bytes)) return invalid('The body is not valid UTF-8.')
  const value = parseJson(bytes)
  if (value === undefined) return invalid('The body is not JSON.')
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return invalid('The body must be a JSON object such as {"function": "hello", "input": {}}.', [
      { pointer: '', detail: 'must be an object' },
    ])
  const parsed = taskBodySchema.safeParse(value)
  if (!parsed.success) {
    const errors = fieldErrors(parsed.error.issues)
    return invalid(`The body is wrong at ${errors[0]?.pointer || '/'}: ${errors[0]?.detail}.`, errors)
  }
  return checkMode(parsed.data)
}

/** The selector of a task, ready to be asked. */
export function selectorOf(body: TaskBody): ReturnType<typeof compileSelector> {
  return compileSelector(body.tags)
}

function checkHead(head: TaskHead): TaskError | undefined {
  const { contentType, contentEncoding, idempotencyKey, prefer } = head
  if (contentType === 'multipart/form-data')
    return { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'This version takes no multipart bodies; send JSON.' }
  if (contentEncoding !== undefined && contentEncoding !== 'identity')
    return { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'Send the body without Content-Encoding.' }
  if (idempotencyKey !== undefined) return notYet('the header Idempotency-Key')
  if (prefer !== undefined && /(^|[,;\s])(respond-async|wait\s*=)/i.test(prefer))
    return notYet('the header Prefer')
  return undefined
}

function checkMode(body: TaskBody): ReadTask {
  const mode = body.mode ?? (body.async === true ? 'async' : 'sync')
  if (body.async === true && mode !== 'async')
    return invalid(`\`async: true\` contradicts \`mode: "${mode}"\`.`, [
      { pointer: '/async', detail: 'contradicts mode' },
    ])
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

function invalid(detail: string, errors?: readonly FieldError[]): ReadTask {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail, ...(errors ? { errors } : {}) } }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch {
    return undefined
  }
}
