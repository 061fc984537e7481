/**
 * From the bytes behind a TASK to a checked input. Called by `link-tasks.ts` once all bytes are there.
 * With flag ENVELOPE the bytes are a body of `POST /task` as the caller wrote it; its member `input` is the
 * input and nothing else of it counts. With a media type that is no JSON the bytes go to the handler as they are
 * (`ctx.body`); an envelope then stands before them, behind its length as u32.
 */
import type { OutcomeError } from '@berth/protocol'
import { ByteBlocks } from '@berth/runtime'
import { isJsonType } from '../bytes/media-type.ts'
import { uploadOf } from '../bytes/upload.ts'
import { isPlainObject, parseJsonBytes } from '../input/json-body.ts'
import type { CheckedInput } from '../input/parameters.ts'
import type { LinkedTask } from './link-task.ts'

/** What came in one record lies in its frame; what came in several does not. */
export type Received = Uint8Array | ByteBlocks

/** Sets the task's `upload` when its bytes are no JSON. */
export function readInput(task: LinkedTask, received: Received): CheckedInput | Promise<CheckedInput> {
  const { mediaType } = task.header
  if (!isJsonType(mediaType)) return readUpload(task, received, mediaType)
  const parsed = parseJsonBytes(wholeOf(received))
  if (!parsed.ok) return refused('INVALID_REQUEST', parsed.detail)
  return checkParsed(task, parsed.value)
}

function readUpload(task: LinkedTask, received: Received, mediaType: string) {
  if (!task.isEnvelope) {
    task.upload = uploadOf(received instanceof ByteBlocks ? received.take() : [ownOf(received)], mediaType)
    return checkObject(task, {}, '')
  }
  const bytes = wholeOf(received)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = bytes.length < 4 ? 0 : view.getUint32(0)
  if (bytes.length < 4 + length) return refused('INVALID_REQUEST', 'The body is shorter than its envelope')
  const parsed = parseJsonBytes(bytes.subarray(4, 4 + length))
  if (!parsed.ok) return refused('INVALID_REQUEST', parsed.detail)
  const rest = bytes.subarray(4 + length)
  task.upload = uploadOf([received instanceof ByteBlocks ? rest : ownOf(rest)], mediaType)
  return checkParsed(task, parsed.value)
}

function wholeOf(received: Received): Uint8Array {
  return received instanceof ByteBlocks ? received.whole() : received
}

/** Copied: the frame would be kept for as long as the task. */
function ownOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function checkParsed(task: LinkedTask, value: unknown): CheckedInput | Promise<CheckedInput> {
  if (!task.isEnvelope) return checkObject(task, value, '')
  if (!isPlainObject(value)) return refused('INVALID_REQUEST', 'The body must be an object')
  return checkObject(task, Object.hasOwn(value, 'input') ? value.input : {}, '/input')
}

function checkObject(task: LinkedTask, input: unknown, prefix: string): CheckedInput | Promise<CheckedInput> {
  if (isPlainObject(input)) return task.function.input.check(input, prefix)
  const errors = [{ pointer: prefix, detail: 'must be an object' }]
  return { ok: false, error: { code: 'INVALID_REQUEST', message: 'The input must be an object', errors } }
}

function refused(code: OutcomeError['code'], message: string): CheckedInput {
  return { ok: false, error: { code, message } }
}
