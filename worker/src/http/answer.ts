/**
 * What the worker's HTTP answers, as plain data: a status, headers, a body. Made by `http-task.ts` and `http.ts`,
 * so that the hot route can be mounted anywhere.
 */
import { type ErrorCode, errorEntry, type FieldError, isErrorCode, type OutcomeError } from '@berth/protocol'
import { PROBLEM_MEDIA_TYPE, problemBody } from '@berth/runtime'

export interface Answer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: string | Uint8Array
}

/** Seconds until a refusal of this kind is worth another try. */
const RETRY_AFTER_S: Partial<Record<ErrorCode, number>> = {
  QUEUE_FULL: 1,
  NO_CAPACITY: 2,
  DRAINING: 5,
  MAINTENANCE: 30,
}

export function jsonAnswer(value: unknown, status = 200): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }
}

/** problem+json by the protocol's table. */
export function problem(
  code: ErrorCode,
  detail: string,
  more: {
    errors?: readonly FieldError[]
    retryAfterMs?: number
    headers?: Record<string, string>
    /** Instead of the table's, where HTTP has a closer word (408, 414, 431). */
    status?: number
  } = {},
): Answer {
  const { title, retryAfter, status: usual } = errorEntry(code)
  const status = more.status ?? usual
  const errors = more.errors && more.errors.length > 0 ? { errors: more.errors } : {}
  const headers: Record<string, string> = { 'content-type': PROBLEM_MEDIA_TYPE, ...more.headers }
  if (retryAfter || more.retryAfterMs !== undefined)
    headers['retry-after'] = String(
      Math.ceil(more.retryAfterMs !== undefined ? more.retryAfterMs / 1000 : (RETRY_AFTER_S[code] ?? 1)),
    )
  return { status, headers, body: JSON.stringify(problemBody({ status, code, title, detail, ...errors })) }
}

/** The error of an outcome, as an answer. */
export function problemOf(error: OutcomeError, headers?: Record<string, string>): Answer {
  const { code, message, errors, retryAfterMs } = error
  return problem(isErrorCode(code) ? code : 'INTERNAL', message, {
    ...(errors ? { errors } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(headers ? { headers } : {}),
  })
}
