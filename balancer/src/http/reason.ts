/**
 * Why an operator does something, as the header `x-reason` says it: UTF-8, percent-encoded, at most 500 characters.
 * Read by the guard, which refuses what is none before anything is done, and by `note` of activity.ts. Pure.
 */
import type { TaskError } from '@berth/protocol'

const MAX_REASON = 500
/** Percent-encoded: up to twelve characters for one. */
const MAX_HEADER = 12 * MAX_REASON

/** The text of the header, or why it cannot be taken; undefined when there is none. */
export function readReason(header: string | undefined): string | TaskError | undefined {
  if (header === undefined || header.trim() === '') return undefined
  const text = header.length > MAX_HEADER ? undefined : decode(header)
  if (text === undefined)
    return refuse('must be UTF-8, percent-encoded (encodeURIComponent), and at most 500 characters')
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
