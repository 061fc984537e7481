/**
 * Why an operator does something: as the header `x-reason` says it (UTF-8, percent-encoded, at most 500 characters),
 * or a body. The header is read by the guard, which refuses what is none before anything is done, and by `note` of
 * activity.ts. Pure. Invariant: a reason is one line that shows as it was written.
 */
import type { TaskError } from '@berth/protocol'
import { z } from 'zod'

const MAX_REASON = 500
/** Percent-encoded: up to twelve characters for one. */
const MAX_HEADER = 12 * MAX_REASON
/** Controls, ends of lines, and what turns the direction of the text behind it. */
const UNSHOWN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u
const UNSHOWN_DETAIL =
  'must be one line without control characters or characters that turn the direction of text'

/** A reason in a body. */
export function reasonText(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .refine((text) => !UNSHOWN.test(text), UNSHOWN_DETAIL)
}

/** The text of the header, or why it cannot be taken; undefined when there is none. */
export function readReason(header: string | undefined): string | TaskError | undefined {
  if (header === undefined || header.trim() === '') return undefined
  const text = header.length > MAX_HEADER ? undefined : decode(header)
  if (text === undefined)
    return refuse('must be UTF-8, percent-encoded (encodeURIComponent), and at most 500 characters')
  if (UNSHOWN.test(text)) return refuse(UNSHOWN_DETAIL)
  return [...text].length > MAX_REASON ? refuse(`is over ${MAX_REASON} characters`) : text
}

function decode(header: string): string | undefined {
  try {
    return decodeURIComponent(header.trim())
  } catch {
    return undefined
  }
}

function refuse(what: string): TaskError {
  return { code: 'INVALID_REQUEST', detail: `The header x-reason ${what}.` }
}
