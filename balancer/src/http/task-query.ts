/**
 * From a call of `POST /task/{group}/{function}` to what it asks for. The body is the input: JSON, which the
 * worker reads, or bytes of any other type, which reach the handler as they are; neither is opened here. All
 * other fields stand in the query. Pure; called by tasks.ts, once a task.
 */
import { findJsonExcess, isJsonType, isMediaType, NO_SUCH_FIELD, readTaskQuery } from '@berth/protocol'
import type { Payload, Pieces } from '../ports/dispatch.ts'
import { lengthOf } from './answer-body.ts'
import {
  checkTask,
  findWrongHead,
  type IsAsync,
  invalid,
  NOT_YET,
  parseJson,
  type ReadTask,
  type Refused,
  type RoutedTarget,
  type TaskHead,
} from './task-call.ts'

export function readRoutedTask(
  head: TaskHead,
  bytes: Pieces,
  target: RoutedTarget,
  isAsync?: IsAsync,
): ReadTask {
  const wrongHead = findWrongHead(head)
  if (wrongHead) return { ok: false, error: wrongHead }
  const query = readTaskQuery(target, new URLSearchParams(target.query), parseBounded)
  if (!query.ok) return invalid(`The query is wrong: ${query.detail}.`)
  const checked = checkTask(query.fields, head, isAsync)
  if (!checked.ok) return wordQuery(checked)
  const { input } = checked.body
  if (!isJsonType(head.contentType)) return readUpload(head, bytes, checked, input)
  if (lengthOf(bytes) === 0) return { ...checked, payload: jsonPayload(encode(input ?? {})) }
  if (input !== undefined) return invalid('The input comes twice: as the body and in the query.')
  return { ...checked, payload: jsonPayload(bytes) }
}

/** What is wrong with a query points into no body: there may be none, and what there is is the input. */
export function wordQuery({ error }: Refused): Refused {
  const [first] = error.errors ?? []
  if (first === undefined || first.detail === NOT_YET) return invalid(error.detail)
  const [, name = '', ...rest] = first.pointer
    .split('/')
    .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'))
  const subject = isOfPath(name)
    ? `The ${name} in the address`
    : `The query parameter ${JSON.stringify(name.slice(0, 64))}`
  if (first.detail === NO_SUCH_FIELD && rest.length === 0) return invalid(`${subject} is not known here.`)
  const place = rest.length === 0 ? '' : ` at ${JSON.stringify(rest.join('/').slice(0, 64))}`
  return invalid(`${subject} is wrong${place}: ${first.detail}.`)
}

function isOfPath(name: string): boolean {
  return name === 'group' || name === 'function'
}

type Checked = Extract<ReturnType<typeof checkTask>, { ok: true }>

function readUpload(
  { contentType }: TaskHead,
  bytes: Pieces,
  checked: Checked,
  input: Record<string, unknown> | undefined,
): ReadTask {
  if (!isMediaType(contentType)) {
    const detail = `The Content-Type ${JSON.stringify(contentType.slice(0, 100))} is no media type.`
    return { ok: false, error: { code: 'UNSUPPORTED_MEDIA_TYPE', detail } }
  }
  const payload: Payload = { bytes, mediaType: contentType, isEnvelope: input !== undefined }
  return { ...checked, payload: input === undefined ? payload : { ...payload, head: envelopeOf(input) } }
}

function jsonPayload(bytes: Pieces): Payload {
  return { bytes, mediaType: '', isEnvelope: false }
}

/** The input beside the bytes, behind its length. */
function envelopeOf(input: Record<string, unknown>): Uint8Array {
  const json = encode({ input })
  const head = Buffer.allocUnsafe(4 + json.length)
  head.writeUInt32BE(json.length)
  head.set(json, 4)
  return head
}

function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/** As strict as with a body. */
function parseBounded(text: string): unknown {
  return findJsonExcess(Buffer.from(text)) === undefined ? parseJson(text) : undefined
}
