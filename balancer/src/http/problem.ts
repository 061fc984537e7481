/**
 * Owns the way an error leaves the balancer by HTTP: the protocol's table gives status and title, the
 * runtime the body. Called by every route, by the server before routing, and by upgrades that are refused.
 * Invariant: an answer holds what the error says and nothing of the inside.
 */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { errorEntry, type TaskError } from '@berth/protocol'
import { endWithAnswer, PROBLEM_MEDIA_TYPE, problemBody } from '@berth/runtime'
import { SECURITY_HEADERS } from './security-headers.ts'

export interface ProblemAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface ProblemOptions {
  /** Instead of the table's, where HTTP has a closer word (408, 414, 426, 431). */
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

const DEFAULT_RETRY_MS = 1000

export const INTERNAL_ERROR: TaskError = {
  code: 'INTERNAL',
  detail: 'Something went wrong in the balancer. Its log says what; try again.',
}

/** Status, headers and body of an error, for whoever writes the answer. */
export function describeProblem(error: TaskError, options: ProblemOptions = {}): ProblemAnswer {
  const entry = errorEntry(error.code)
  const status = options.status ?? entry.status
  const body = problemBody({ ...error, status, title: entry.title })
  const headers: Record<string, string> = { 'content-type': PROBLEM_MEDIA_TYPE, ...options.headers }
  if (status === 401) headers['www-authenticate'] = 'Bearer realm="berth"'
  if (entry.retryAfter || error.retryAfterMs !== undefined)
    headers['retry-after'] = retryAfterSeconds(error.retryAfterMs)
  return { status, headers, body: JSON.stringify(body) }
}

/** The answer of a route. */
export function problem(error: TaskError, options: ProblemOptions = {}): Response {
  const { status, headers, body } = describeProblem(error, options)
  return new Response(body, { status, headers })
}

/** The answer where there is no router: complete, security headers included. */
export function sendProblem(res: ServerResponse, error: TaskError, options: ProblemOptions = {}): void {
  const { status, headers, body } = describeProblem(error, options)
  res.writeHead(status, { ...SECURITY_HEADERS, ...headers, 'content-length': Buffer.byteLength(body) })
  res.end(body)
}

/** The same on a bare connection, which ends with it. */
export function refuseConnection(socket: Duplex, error: TaskError, options: ProblemOptions = {}): void {
  const { status, headers, body } = describeProblem(error, options)
  endWithAnswer(socket, { status, headers: { ...SECURITY_HEADERS, ...headers }, body })
}

function retryAfterSeconds(retryAfterMs = DEFAULT_RETRY_MS): string {
  return String(Math.max(1, Math.ceil(retryAfterMs / 1000)))
}
