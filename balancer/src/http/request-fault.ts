/**
 * What is wrong with the head of a request before anybody looks at its meaning: Node's parser is strict about
 * framing, but keeps the first of two `Host` or `Authorization` headers, where a proxy may have read the second.
 * Called by the server for every request and upgrade, before the hot route and before the router.
 */
import type { IncomingMessage } from 'node:http'
import type { TaskError } from '@berth/protocol'

export const MAX_HEADERS = 200
const MAX_URL_LENGTH = 8192
const REFUSED_METHODS: ReadonlySet<string> = new Set(['TRACE', 'CONNECT'])

/** Headers on which trust or meaning rests. */
const SINGLE_HEADERS: ReadonlySet<string> = new Set([
  'host',
  'authorization',
  'x-lb-auth',
  'x-wr-auth',
  'idempotency-key',
  'content-type',
  'origin',
  'sec-fetch-site',
])

export interface RequestFault {
  readonly error: TaskError
  readonly status?: number
}

export function findRequestFault({ method, url, rawHeaders }: IncomingMessage): RequestFault | undefined {
  if (method !== undefined && REFUSED_METHODS.has(method))
    return { error: { code: 'METHOD_NOT_ALLOWED', detail: `${method} is not taken here.` } }
  if (url === undefined || !url.startsWith('/'))
    return invalid('The request names a whole address; Berth is no proxy, send the path alone.')
  if (url.length > MAX_URL_LENGTH) return invalid(`The address is over ${MAX_URL_LENGTH} characters.`, 414)
  if (rawHeaders.length >= 2 * MAX_HEADERS) return invalid(`There are ${MAX_HEADERS} headers or more.`, 431)
  const twice = findRepeated(rawHeaders)
  return twice === undefined ? undefined : invalid(`The header \`${twice}\` is given twice.`)
}

function findRepeated(rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    if (!SINGLE_HEADERS.has(name)) continue
    if (seen.has(name)) return name
    seen.add(name)
  }
  return undefined
}

function invalid(detail: string, status?: number): RequestFault {
  return { error: { code: 'INVALID_REQUEST', detail }, status }
}
