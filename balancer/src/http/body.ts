/**
 * Reads the JSON body of an operator's request: bounded, well-formed UTF-8, not too deep or wide, and of the shape
 * that its schema says. Called by routes that take a body; the hot route has a reader of its own.
 * Invariant: nothing of a body that breaks a bound is parsed, and errors point into the body.
 */
import { fieldErrors, findJsonExcess, type TaskError } from '@berth/protocol'
import type { z } from 'zod'
import { mediaTypeOf } from './auth.ts'
import { wrongFields } from './wrong-field.ts'

const OPERATOR_BODY_BYTES = 64 * 1024

export type BodyRead<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: TaskError }

/** The body as `schema` reads it; no body at all counts as `{}`. */
export async function readJsonBody<T>(
  request: Request,
  schema: z.ZodType<T>,
  limitBytes = OPERATOR_BODY_BYTES,
): Promise<BodyRead<T>> {
  const read = await readJsonBytes(request, schema, limitBytes)
  return read.ok ? { ok: true, value: read.value } : read
}

/** The body as it is, for what has a reader of its own; no body at all is the empty text. */
export async function readTextBody(request: Request, limitBytes: number): Promise<BodyRead<string>> {
  const refusal = findWrongType(request)
  if (refusal !== undefined) return { ok: false, error: refusal }
  const bytes = await readBytes(request, limitBytes)
  if (bytes === undefined) return fail('PAYLOAD_TOO_LARGE', `The body is over ${limitBytes} bytes.`)
  const text = decodeText(bytes)
  if (text === undefined) return fail('INVALID_REQUEST', 'The body is not UTF-8.')
  const excess = findJsonExcess(bytes)
  return excess === undefined ? { ok: true, value: text } : fail('INVALID_REQUEST', `The body ${excess}.`)
}

/** The same, and the bytes it was read from. */
export async function readJsonBytes<T>(
  request: Request,
  schema: z.ZodType<T>,
  limitBytes: number,
): Promise<Extract<BodyRead<T>, { ok: false }> | { ok: true; value: T; bytes: Uint8Array }> {
  const refusal = findWrongType(request)
  if (refusal !== undefined) return { ok: false, error: refusal }
  const bytes = await readBytes(request, limitBytes)
  if (bytes === undefined) return fail('PAYLOAD_TOO_LARGE', `The body is over ${limitBytes} bytes.`)
  const read = bytes.length === 0 ? check({}, schema) : parse(bytes, schema)
  return read.ok ? { ...read, bytes } : read
}

function parse<T>(bytes: Uint8Array, schema: z.ZodType<T>): BodyRead<T> {
  const text = decodeText(bytes)
  if (text === undefined) return fail('INVALID_REQUEST', 'The body is not UTF-8.')
  const excess = findJsonExcess(bytes)
  if (excess !== undefined) return fail('INVALID_REQUEST', `The body ${excess}.`)
  const parsed = parseText(text)
  return parsed.ok ? check(parsed.value, schema) : parsed
}

function findWrongType(request: Request): TaskError | undefined {
  const type = mediaTypeOf(request.headers.get('content-type') ?? undefined)
  if (type.startsWith('multipart/'))
    return { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'This address takes JSON, not multipart.' }
  const encoding = request.headers.get('content-encoding')
  if (encoding === null || encoding === 'identity') return undefined
  return { code: 'UNSUPPORTED_MEDIA_TYPE', detail: 'Send the body as it is, without Content-Encoding.' }
}

async function readBytes(request: Request, limitBytes: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > limitBytes) return undefined
  if (request.body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop early cancels the rest of the body.
  for await (const chunk of request.body) {
    size += chunk.byteLength
    if (size > limitBytes) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function decodeText(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function parseText(text: string): BodyRead<unknown> {
  try {
    return { ok: true, value: JSON.parse(text) }
  } catch {
    return fail(
      'INVALID_REQUEST',
      'The body is not JSON: send an object such as {}, with quotes around names and texts.',
    )
  }
}

function check<T>(value: unknown, schema: z.ZodType<T>): BodyRead<T> {
  const result = schema.safeParse(value)
  if (result.success) return { ok: true, value: result.data }
  return wrongFields(fieldErrors(result.error.issues))
}

function fail(code: TaskError['code'], detail: string): Extract<BodyRead<never>, { ok: false }> {
  return { ok: false, error: { code, detail } }
}
