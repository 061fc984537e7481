/**
 * From the bytes behind a TASK to a checked input. Called by `link-session.ts` once all bytes are there.
 * With flag ENVELOPE the bytes are a body of `POST /task` as the caller wrote it; its member `input` is the
 * input and nothing else of it counts.
 */
import type { OutcomeError } from '@berth/protocol'
import { isPlainObject, parseJsonBytes } from './json-body.ts'
import type { LinkedTask } from './link-task.ts'
import type { CheckedInput } from './parameters.ts'

export function readInput(task: LinkedTask, bytes: Uint8Array): CheckedInput | Promise<CheckedInput> {
  const { mediaType } = task.header
  if (mediaType !== '' && mediaType !== 'application/json')
    return refused('UNSUPPORTED_MEDIA_TYPE', `This version takes JSON only, not ${mediaType.slice(0, 100)}`)
  const parsed = parseJsonBytes(bytes)
  if (!parsed.ok) return refused('INVALID_REQUEST', parsed.detail)
  if (!task.isEnvelope) return checkObject(task, parsed.value, '')
  if (!isPlainObject(parsed.value)) return refused('INVALID_REQUEST', 'The body must be an object')
  const { value } = parsed
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
