/**
 * From a request's bytes and query to a checked task: everything that can be wrong about `POST /task` before a
 * slot is asked for. Called by `http-task.ts`. Strict: an unknown field is an error, and so is one that this
 * version or a lone worker cannot honour.
 */
import {
  compileSelector,
  type ErrorCode,
  type FieldError,
  fieldErrors,
  firstMismatch,
  jsonPointer,
  readTaskQuery,
  type TaskBody,
  type TaskTarget,
  taskBodySchema,
} from '@berth/protocol'
import { findHeaderProblem } from '@berth/runtime'
import { isJsonType } from '../bytes/media-type.ts'
import { type Upload, uploadOf } from '../bytes/upload.ts'
import { type RegisteredFunction, unknownFunction } from '../functions/registry.ts'
import type { WorkerParts } from '../parts.ts'
import { isPlainObject, parseJsonBytes } from './json-body.ts'

export interface TaskRequest {
  readonly bytes: Uint8Array
  /** `POST /task/{group}/{function}`: the bytes are the input. */
  readonly route?: TaskTarget
  readonly query: URLSearchParams
  /** As the request names it; empty when it does not. */
  readonly contentType: string
}

export interface WantedTask {
  readonly function: RegisteredFunction
  readonly body: TaskBody
  readonly input: Record<string, unknown>
  /** Where the input stands in the request, as a JSON pointer. */
  readonly inputPointer: string
  readonly mode: WantedMode
  /** Bytes that came instead of JSON. */
  readonly upload: Upload | undefined
}

/** What a worker alone can do. */
export type WantedMode = 'sync' | 'stream' | 'webhook'

export interface Complaint {
  readonly code: ErrorCode
  readonly detail: string
  readonly errors?: readonly FieldError[]
}

export type ReadTask =
  | { readonly ok: true; readonly task: WantedTask }
  | { readonly ok: false; readonly complaint: Complaint }

export function readTask(parts: WorkerParts, request: TaskRequest): ReadTask {
  const draft = request.route ? readRouted(request, request.route) : readEnvelope(request)
  if ('code' in draft) return { ok: false, complaint: draft }
  const parsed = taskBodySchema.safeParse(draft.value)
  if (!parsed.success) {
    const errors = fieldErrors(parsed.error.issues)
    const first = errors[0]
    const detail = first?.pointer
      ? `The task is wrong at ${first.pointer}: ${first.detail}`
      : (first?.detail ?? 'wrong shape')
    return { ok: false, complaint: { code: 'INVALID_REQUEST', detail, errors } }
  }
  const body = parsed.data
  const fn = parts.registry.get(body.function)
  const mode = wantedMode(body)
  if (typeof mode !== 'string') return { ok: false, complaint: mode }
  const complaint = unsupported(body) ?? misplaced(parts, body, fn)
  if (complaint || !fn) return { ok: false, complaint: complaint ?? noFunction(body.function) }
  if (mode === 'stream' && !fn.interface.supportsStreaming)
    return { ok: false, complaint: wrong(noStreaming(fn.name), '/mode') }
  const hindrance = body.webhook && webhookProblem(parts, body.webhook)
  if (hindrance) return { ok: false, complaint: hindrance }
  const inputPointer = request.route ? '' : '/input'
  const { upload } = draft
  return { ok: true, task: { function: fn, body, input: body.input ?? {}, inputPointer, mode, upload } }
}

function webhookProblem(
  { deliveries }: WorkerParts,
  { url, headers, format }: NonNullable<TaskBody['webhook']>,
): Complaint | undefined {
  if (format === 'standard')
    return wrong('A worker sends the bare result; format standard needs a balancer', '/webhook/format')
  const bad = findHeaderProblem(headers ?? {})
  if (bad)
    return wrong(
      `The webhook's headers: ${bad.problem}`,
      jsonPointer(bad.name === undefined ? [] : [bad.name], '/webhook/headers'),
    )
  const hindrance = deliveries.hindranceOf(url)
  if (hindrance?.kind === 'refused')
    return wrong(`The webhook may not go there: ${hindrance.reason}`, '/webhook/url')
  if (hindrance?.kind !== 'full') return undefined
  return { code: 'QUEUE_FULL', detail: 'Too many webhooks wait for their receivers; try again in a moment' }
}

/** The refusal of a stream by a function that makes none. */
export function noStreaming(name: string): string {
  return `"${name}" does not stream; set config.supportsStreaming, or use mode sync`
}

type Draft = { readonly value: unknown; readonly upload?: Upload } | Complaint

function readEnvelope({ bytes }: TaskRequest): Draft {
  const parsed = parseJsonBytes(bytes)
  if (!parsed.ok) return { code: 'INVALID_REQUEST', detail: parsed.detail }
  return isPlainObject(parsed.value) ? { value: parsed.value } : wrong('The body must be an object')
}

function readRouted(request: TaskRequest, route: TaskTarget): Draft {
  const { bytes, query, contentType } = request
  const read = readTaskQuery(route, query, parseText)
  if (!read.ok) return wrong(read.detail)
  const { fields } = read
  if (!isJsonType(contentType))
    return {
      value: fields,
      upload: uploadOf([bytes], contentType),
    }
  if (bytes.length > 0) {
    if (fields.input !== undefined) return wrong('The input comes twice: as body and in the query')
    const parsed = parseJsonBytes(bytes)
    if (!parsed.ok) return { code: 'INVALID_REQUEST', detail: parsed.detail }
    if (!isPlainObject(parsed.value)) return wrong('The input must be an object', '')
    return { value: { ...fields, input: parsed.value } }
  }
  return { value: fields }
}

function parseText(text: string): unknown {
  const parsed = parseJsonBytes(Buffer.from(text))
  return parsed.ok ? parsed.value : undefined
}

function wrong(detail: string, pointer?: string): Complaint {
  const errors = pointer === undefined ? {} : { errors: [{ pointer, detail }] }
  return { code: 'INVALID_REQUEST', detail, ...errors }
}

/** A lone worker has no store: what would need one is refused rather than left out in silence. */
const NEEDS_BALANCER = ['session', 'budget', 'delay', 'runAt'] as const

function wantedMode(body: TaskBody): WantedMode | Complaint {
  const mode = body.async ? 'async' : (body.mode ?? 'sync')
  if (body.async && body.mode !== undefined && body.mode !== 'async')
    return wrong(`"async": true contradicts mode ${body.mode}`, '/async')
  if (mode === 'async') return wrong('A worker takes no async tasks; send them to a balancer', '/mode')
  if (mode === 'webhook' && !body.webhook) return wrong('Mode webhook needs `webhook: {url}`', '/webhook')
  if (mode !== 'webhook' && body.webhook) return wrong('"webhook" goes with mode webhook only', '/webhook')
  return mode
}

function unsupported(body: TaskBody): Complaint | undefined {
  const field = NEEDS_BALANCER.find((name) => body[name] !== undefined)
  return field && wrong(`"${field}" needs a balancer; a worker alone cannot honour it`, `/${field}`)
}

function misplaced(
  parts: WorkerParts,
  body: TaskBody,
  fn: RegisteredFunction | undefined,
): Complaint | undefined {
  const { group, contract } = parts.identity
  if (body.group !== undefined && body.group !== group)
    return {
      code: 'UNKNOWN_FUNCTION',
      detail: `This worker serves the group "${group}", not "${body.group}"`,
    }
  if (!fn) return noFunction(body.function)
  if (body.contract !== undefined && body.contract !== contract)
    return {
      code: 'CONTRACT_MISMATCH',
      detail: `This worker serves contract ${contract}, not ${body.contract}`,
    }
  const tag = body.tags && firstMismatch(compileSelector(body.tags), parts.tags.current)
  return tag === undefined
    ? undefined
    : { code: 'NO_CAPACITY', detail: `This worker does not match the tag "${tag}"` }
}

function noFunction(name: string): Complaint {
  return { code: 'UNKNOWN_FUNCTION', detail: unknownFunction(name).message }
}
