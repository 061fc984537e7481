/**
 * What is wrong with a request before anybody looks at its meaning. Node's parser is strict about framing, but
 * keeps the first of two `Host` or `Authorization` headers, where a proxy may have read the second.
 * Asked by every server for every request and upgrade; what the parser itself refuses is worded here as well.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'

export interface RequestFault {
  readonly status: 400 | 405 | 408 | 414 | 417 | 431
  readonly code: 'INVALID_REQUEST' | 'METHOD_NOT_ALLOWED'
  readonly detail: string
}

/** What a server is made with so that these bounds hold. */
export const REQUEST_LIMITS = {
  headersTimeout: 10_000,
  maxHeaderSize: 16 * 1024,
  insecureHTTPParser: false,
  joinDuplicateHeaders: false,
  // Node would answer by itself, in a form of its own.
  requireHostHeader: false,
  // Java and curl offer `Upgrade: h2c` with a plain request, which is to be answered as one.
  shouldUpgradeCallback: ({ headers }: IncomingMessage) => headers.upgrade?.toLowerCase() === 'websocket',
} as const
/** For a server's `maxHeadersCount`. */
export const MAX_HEADERS = 200

const MAX_URL_LENGTH = 8192
const REFUSED_METHODS: ReadonlySet<string> = new Set(['TRACE', 'CONNECT'])

/** A check of heads; `single` names, in lower case, the headers that may not come twice. */
export function createRequestCheck(
  single: readonly string[],
): (request: IncomingMessage) => RequestFault | undefined {
  const singleHeaders = byLength(single)
  return ({ method, url, headers, httpVersion, rawHeaders }) => {
    if (method !== undefined && REFUSED_METHODS.has(method))
      return { status: 405, code: 'METHOD_NOT_ALLOWED', detail: `${method} is not taken here.` }
    if (url === undefined || !url.startsWith('/'))
      return invalid('The request names a whole address; this is no proxy, send the path alone.')
    if (url.length > MAX_URL_LENGTH) return invalid(`The address is over ${MAX_URL_LENGTH} characters.`, 414)
    if (rawHeaders.length >= 2 * MAX_HEADERS) return invalid(`There are ${MAX_HEADERS} headers or more.`, 431)
    if (headers.host === undefined && httpVersion !== '1.0') return invalid('The header `host` is missing.')
    const twice = findRepeated(rawHeaders, singleHeaders)
    return twice === undefined ? undefined : invalid(`The header \`${twice}\` is given twice.`)
  }
}

/** The fault that a server's `clientError` tells by its code. */
export function describeBroken(code: string | undefined): RequestFault {
  if (code === 'HPE_HEADER_OVERFLOW') return invalid('The headers are over 16 KiB.', 431)
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return invalid('The request took too long to come.', 408)
  return invalid('This is not well-formed HTTP.')
}

/** The fault of an `Expect` that Node does not know. */
export const UNMET_EXPECTATION: RequestFault = invalid('The header `expect` may only say 100-continue.', 417)

/** Whether what has broken on a connection is the body of its one request that nobody has begun to answer. */
export function isUnansweredBody(open: readonly ServerResponse[]): boolean {
  const [only, ...others] = open
  return only !== undefined && others.length === 0 && !only.headersSent && !only.req.complete
}

interface Single {
  readonly name: string
  /** Its own among those of the others. */
  readonly bit: number
}

/** Most names are told from all that count by their length alone. */
function byLength(names: readonly string[]): readonly (readonly Single[] | undefined)[] {
  const table: Single[][] = []
  names.forEach((name, index) => {
    const equallyLong = table[name.length] ?? []
    equallyLong.push({ name, bit: 1 << index })
    table[name.length] = equallyLong
  })
  return table
}

function findRepeated(
  rawHeaders: readonly string[],
  single: readonly (readonly Single[] | undefined)[],
): string | undefined {
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const written = rawHeaders[i] as string
    const alike = single[written.length]
    if (alike === undefined) continue
    const given = written.toLowerCase()
    for (const { name, bit } of alike) {
      if (name !== given) continue
      if ((seen & bit) !== 0) return name
      seen |= bit
    }
  }
  return undefined
}

function invalid(detail: string, status: RequestFault['status'] = 400): RequestFault {
  return { status, code: 'INVALID_REQUEST', detail }
}
