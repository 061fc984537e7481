/**
 * Every request the page makes of the balancer, but for sign-in and the feed. What the balancer refuses is
 * thrown as `ApiError`, which Query and `useAction` turn into words; `status` 0 means that nobody answered.
 * A session that has ended is told to whoever listens (`onSignedOut`), so that the page leads to the sign-in.
 */

export interface FieldError {
  readonly pointer?: string
  readonly detail: string
}

interface ApiErrorInit {
  readonly status: number
  readonly code: string | null
  readonly detail: string | null
  readonly errors?: readonly FieldError[]
  readonly requestId?: string | null
  readonly body?: unknown
}

/** A refusal of the balancer (RFC 9457), or no answer at all. */
export class ApiError extends Error {
  readonly status: number
  readonly code: string | null
  /** The balancer's own sentence. */
  readonly detail: string | null
  readonly errors: readonly FieldError[]
  readonly requestId: string | null
  /** The whole answer, when it was JSON. */
  readonly body: unknown

  constructor(init: ApiErrorInit) {
    super(init.detail ?? init.code ?? `the balancer answered ${init.status}`)
    this.name = 'ApiError'
    this.status = init.status
    this.code = init.code
    this.detail = init.detail
    this.errors = init.errors ?? []
    this.requestId = init.requestId ?? null
    this.body = init.body
  }
}

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export type QueryValue = string | number | boolean | null | undefined | readonly string[]

export interface RequestOptions<T> {
  /** Checks and types the answer; an answer that does not fit is an `ApiError` of code UNREADABLE. */
  readonly schema?: { parse(value: unknown): T }
  /** Sent as JSON. */
  readonly body?: unknown
  /** Sent as it is, instead of `body`. */
  readonly rawBody?: string
  /** The answer is a text and is not read as JSON. */
  readonly isText?: boolean
  /** Members that are null, undefined or empty are left out; a list repeats its name. */
  readonly query?: Readonly<Record<string, QueryValue>>
  /** Why, for the activity log; at most 500 characters. */
  readonly reason?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
  /** Default 30 s. */
  readonly timeoutMs?: number
}

export interface Answer<T> {
  readonly data: T
  readonly headers: Headers
  readonly status: number
}

const TIMEOUT_MS = 30_000
const MAX_REASON = 500

const signedOutListeners = new Set<() => void>()

/** Calls back when the balancer says that the session has ended. */
export function onSignedOut(listener: () => void): () => void {
  signedOutListeners.add(listener)
  return () => signedOutListeners.delete(listener)
}

/** The answer's JSON; undefined for an empty one. Throws `ApiError`. */
export async function request<T = unknown>(
  method: Method,
  path: string,
  options: RequestOptions<T> = {},
): Promise<T> {
  return (await requestAnswer(method, path, options)).data
}

/** As `request`, with the answer's headers: for an ETag. */
export async function requestAnswer<T = unknown>(
  method: Method,
  path: string,
  options: RequestOptions<T> = {},
): Promise<Answer<T>> {
  const answer = await send(method, path, options)
  const body = await readBody(answer, answer.ok && options.isText === true)
  if (!answer.ok) {
    if (answer.status === 401) for (const listener of signedOutListeners) listener()
    throw errorOf(answer, body)
  }
  return { data: check(options.schema, body), headers: answer.headers, status: answer.status }
}

async function send(method: Method, path: string, options: RequestOptions<unknown>): Promise<Response> {
  const headers = new Headers(options.headers)
  if (!headers.has('accept')) headers.set('accept', 'application/json')
  // The balancer asks JSON of every request that changes something and carries a cookie.
  if (method !== 'GET' && !headers.has('content-type')) headers.set('content-type', 'application/json')
  const reason = options.reason?.trim().slice(0, MAX_REASON)
  if (reason) headers.set('x-reason', encodeURIComponent(reason))
  const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)
  try {
    return await fetch(withSearch(path, options.query), {
      method,
      headers,
      credentials: 'same-origin',
      body: method === 'GET' ? undefined : (options.rawBody ?? JSON.stringify(options.body ?? {})),
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
    })
  } catch (error) {
    if (options.signal?.aborted) throw error
    throw new ApiError({ status: 0, code: null, detail: null })
  }
}

/** `path` with its query, as `request` sends it. */
export function withSearch(path: string, query: Readonly<Record<string, QueryValue>> = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '') continue
    if (Array.isArray(value)) for (const one of value) params.append(name, one)
    else params.set(name, String(value))
  }
  const search = params.toString()
  return search === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${search}`
}

function check<T>(schema: RequestOptions<T>['schema'], body: unknown): T {
  if (!schema) return body as T
  try {
    return schema.parse(body)
  } catch (error) {
    throw new ApiError({ status: 200, code: 'UNREADABLE', detail: String(error), body })
  }
}

async function readBody(answer: Response, isText: boolean): Promise<unknown> {
  const raw = await answer.text().catch(() => '')
  if (isText) return raw
  if (raw === '') return undefined
  try {
    return JSON.parse(raw)
  } catch {
    return raw
  }
}

function errorOf(answer: Response, body: unknown): ApiError {
  const problem = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  return new ApiError({
    status: answer.status,
    code: wordOf(problem.code),
    detail: wordOf(problem.detail),
    errors: Array.isArray(problem.errors) ? problem.errors.filter(isFieldError) : [],
    requestId: answer.headers.get('x-request-id'),
    body,
  })
}

function wordOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function isFieldError(value: unknown): value is FieldError {
  return typeof value === 'object' && value !== null && 'detail' in value && typeof value.detail === 'string'
}

/**
 * The same request for a shell, the key as `$LB_AUTH_KEY`. What stands in single quotes is safe whatever
 * it holds.
 */
export function curlOf(
  {
    method,
    path,
    body,
    query,
    headers = {},
    file,
  }: {
    method: Method
    path: string
    body?: unknown
    query?: RequestOptions<unknown>['query']
    headers?: Readonly<Record<string, string>>
    /** The body is the content of this file, instead of `body`. */
    file?: string
  },
  origin: string = window.location.origin,
): string {
  const parts = ['curl -sS']
  if (method !== 'GET') parts.push(`-X ${method}`)
  parts.push('-H "Authorization: Bearer $LB_AUTH_KEY"')
  if (method !== 'GET') parts.push("-H 'content-type: application/json'")
  for (const [name, value] of Object.entries(headers)) parts.push(`-H ${quoted(`${name}: ${value}`)}`)
  if (method !== 'GET' && file !== undefined) parts.push(`--data-binary ${quoted(`@${file}`)}`)
  else if (method !== 'GET' && body !== undefined) parts.push(`-d ${quoted(JSON.stringify(body))}`)
  parts.push(quoted(`${origin}${withSearch(path, query)}`))
  return parts.join(' \\\n  ')
}

/** One word of a POSIX shell. */
export function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
