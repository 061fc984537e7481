/**
 * The one table of errors: it drives the HTTP status, the title of a problem, whether another
 * attempt is thinkable, and the page in the documentation. Codes are API and never change.
 *
 * `verdict` answers "did it run?": `refused` (no attempt was made), `failure` (the handler ran and
 * said no), `loss` (it may have run), `internal` (ours).
 */
export type Verdict = 'refused' | 'failure' | 'loss' | 'internal'

export interface ErrorEntry {
  readonly status: number
  readonly title: string
  readonly verdict: Verdict
  /** Whether the answer carries `Retry-After`. */
  readonly retryAfter?: boolean
}

export const ERRORS = {
  INVALID_REQUEST: { status: 400, title: 'The request is not valid', verdict: 'refused' },
  CONTRACT_MISMATCH: { status: 400, title: 'The worker serves another contract', verdict: 'refused' },
  UNAUTHORIZED: { status: 401, title: 'A valid key is needed', verdict: 'refused' },
  BUDGET_EXHAUSTED: { status: 402, title: 'The budget is used up', verdict: 'failure' },
  FORBIDDEN: { status: 403, title: 'The key does not allow this', verdict: 'refused' },
  UNKNOWN_FUNCTION: { status: 404, title: 'No worker has ever served this function', verdict: 'refused' },
  NOT_FOUND: { status: 404, title: 'There is no such thing', verdict: 'refused' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'This address does not take that method', verdict: 'refused' },
  CONFLICT: { status: 409, title: 'It contradicts what is', verdict: 'refused' },
  CANCELLED: { status: 409, title: 'The task was cancelled', verdict: 'failure' },
  NOT_FINISHED: { status: 409, title: 'The run is not finished', verdict: 'refused' },
  READ_ONLY_FILE: { status: 409, title: 'workers.json cannot be written', verdict: 'refused' },
  PRECONDITION_FAILED: { status: 412, title: 'It has changed meanwhile', verdict: 'refused' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'The body is too large', verdict: 'refused' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'This media type is not taken here', verdict: 'refused' },
  INVALID_INPUT: { status: 422, title: 'The input does not fit the function', verdict: 'refused' },
  IDEMPOTENCY_MISMATCH: { status: 422, title: 'One idempotency key, two bodies', verdict: 'refused' },
  SLOT_COST_TOO_BIG: { status: 422, title: 'It fits the slots of no worker', verdict: 'refused' },
  PRECONDITION_REQUIRED: { status: 428, title: 'If-Match is needed', verdict: 'refused' },
  QUEUE_FULL: { status: 429, title: 'The queue is full', verdict: 'refused', retryAfter: true },
  RATE_LIMITED: { status: 429, title: 'Too many requests', verdict: 'refused', retryAfter: true },
  FUNCTION_FAILED: { status: 500, title: 'The function failed', verdict: 'failure' },
  RESULT_TOO_LARGE: { status: 500, title: 'The result is over the limit', verdict: 'failure' },
  RESULT_UNSERIALISABLE: { status: 500, title: 'The result is no JSON', verdict: 'failure' },
  POISONED: { status: 500, title: 'The task killed its workers', verdict: 'loss' },
  INTERNAL: { status: 500, title: 'Something went wrong in Berth', verdict: 'internal' },
  WORKER_LOST: { status: 502, title: 'The worker was lost with the task', verdict: 'loss' },
  NO_CAPACITY: { status: 503, title: 'No worker can take it now', verdict: 'refused', retryAfter: true },
  PAUSED: { status: 503, title: 'It is paused', verdict: 'refused', retryAfter: true },
  MAINTENANCE: { status: 503, title: 'The worker is in maintenance', verdict: 'refused', retryAfter: true },
  DRAINING: { status: 503, title: 'The process is shutting down', verdict: 'refused', retryAfter: true },
  STORE_UNAVAILABLE: {
    status: 503,
    title: 'The store cannot be written',
    verdict: 'refused',
    retryAfter: true,
  },
  TIMEOUT: { status: 504, title: 'It took too long', verdict: 'failure' },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof ERRORS

const table: ReadonlyMap<string, ErrorEntry> = new Map(Object.entries(ERRORS))

/** The entry of a code; a code that no version knows counts as INTERNAL. */
export function errorEntry(code: string): ErrorEntry {
  return table.get(code) ?? ERRORS.INTERNAL
}

/** Narrows a text from the wire to a code of the table. */
export function isErrorCode(code: string): code is ErrorCode {
  return table.has(code)
}

/** What is wrong at one place of a body; `pointer` is a JSON pointer into the request body. */
export interface FieldError {
  readonly pointer: string
  readonly detail: string
}

/** An error as it travels inside Berth: never thrown, always returned. */
export interface TaskError {
  readonly code: ErrorCode
  /** The sentence for the caller: what happened, to what, what to do. */
  readonly detail: string
  readonly errors?: readonly FieldError[]
  readonly retryAfterMs?: number
}

/** Close codes of a fleet link; 1000–1015 are RFC 6455's. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  protocolError: 1002,
  tooBig: 1009,
  unauthorized: 4001,
  replaced: 4002,
  mismatch: 4003,
  silent: 4004,
} as const
