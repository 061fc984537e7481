/**
 * Owns the encoding of an error answer (RFC 9457 problem+json, with the short form older clients read).
 * Called by whatever answers HTTP; which code goes with which status is the business of the caller.
 * Invariant: `extra` adds members and never replaces one of the standard ones.
 */

export const PROBLEM_MEDIA_TYPE = 'application/problem+json'

export type ProblemInput = {
  status: number
  /** Upper case with underscores, such as `QUEUE_FULL`. */
  code: string
  /** The same words for every problem of this code. */
  title: string
  /** What happened this time, to what, and what to do. */
  detail: string
  /** One entry a wrong place in the request. */
  errors?: readonly unknown[]
  /** Further members, such as `retryAfterMs`. */
  extra?: Readonly<Record<string, unknown>>
}

export type ProblemBody = {
  type: string
  title: string
  status: number
  detail: string
  code: string
  success: false
  error: string
  errors?: readonly unknown[]
  [member: string]: unknown
}

export function problemBody(input: ProblemInput): ProblemBody {
  const { status, code, title, detail, errors, extra } = input
  const body: ProblemBody = {
    ...extra,
    type: `/problems/${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail,
    code,
    success: false,
    error: detail,
  }
  if (errors !== undefined) body.errors = errors
  return body
}
