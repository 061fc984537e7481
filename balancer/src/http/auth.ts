/**
 * Owns the question who a request comes from, for the router, the hot route and the upgrades alike: plain
 * header values in, an answer out. A key in `Authorization` decides alone; without one the session cookie does.
 * A viewer may only read, wherever it comes in.
 * Invariant: a request that changes something and rests on a cookie is let through only when it comes from
 * one of our own pages and is JSON, so that no other site can make a browser send it.
 */
import type { IncomingMessage } from 'node:http'
import type { Role, TaskError } from '@berth/protocol'
import { createHeaderCheck, createKeyCheck, presentedKey } from '@berth/runtime'
import { readSessionCookie } from './cookies.ts'
import type { Sessions } from './sessions.ts'

export type Access =
  | { readonly kind: 'key'; readonly role: Role }
  | { readonly kind: 'session'; readonly hash: string; readonly role: Role }
  | { readonly kind: 'none' }

export interface Credentials {
  readonly authorization: string | undefined
  readonly cookie: string | undefined
  /** The peer's, for the log. */
  readonly address?: string | undefined
}

/** What of a request's head decides whether it may pass. */
export interface RequestHead extends Credentials {
  readonly method: string
  readonly host: string | undefined
  readonly origin: string | undefined
  readonly secFetchSite: string | undefined
  readonly contentType: string | undefined
}

export type Admission =
  | { readonly ok: true; readonly access: Access }
  | { readonly ok: false; readonly error: TaskError }

export interface GateDeps {
  /** LB_AUTH_KEY. */
  readonly key: string
  /** READ_KEY. */
  readonly readKey?: string | undefined
  readonly sessions: Pick<Sessions, 'find'>
  readonly wrongKeys?: { record(address: string): void }
}

const NONE: Access = Object.freeze({ kind: 'none' })
const ACCESS_BY_KEY: Readonly<Record<Role, Access>> = {
  operator: Object.freeze({ kind: 'key', role: 'operator' }),
  viewer: Object.freeze({ kind: 'key', role: 'viewer' }),
}
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD'])

export const UNAUTHORIZED: TaskError = {
  code: 'UNAUTHORIZED',
  detail: 'This needs the key LB_AUTH_KEY: send it as `Authorization: Bearer <key>`, or sign in.',
}

export const READS_ONLY: TaskError = {
  code: 'FORBIDDEN',
  detail:
    'The role viewer may read only; this needs the role operator: use the key LB_AUTH_KEY, or sign in with it.',
}

export class Gate {
  readonly #isKey: (key: string | undefined) => boolean
  readonly #isReadKey: (key: string | undefined) => boolean
  readonly #isKeyHeader: ReturnType<typeof createHeaderCheck>
  readonly #sessions: Pick<Sessions, 'find'>
  readonly #wrongKeys: GateDeps['wrongKeys']

  constructor(deps: GateDeps) {
    this.#isKey = createKeyCheck(deps.key)
    // Without a READ_KEY what is presented is compared all the same, with nothing.
    this.#isReadKey = createKeyCheck(deps.readKey ?? '')
    this.#isKeyHeader = createHeaderCheck(deps.key)
    this.#sessions = deps.sessions
    this.#wrongKeys = deps.wrongKeys
  }

  /** What a key lets its bearer do; both are compared whichever it is. */
  roleOf(key: string | undefined): Role | undefined {
    const [isOperator, isViewer] = [this.#isKey(key), this.#isReadKey(key)]
    if (isOperator) return 'operator'
    return isViewer ? 'viewer' : undefined
  }

  /** Whether a request bears LB_AUTH_KEY; quick for a connection that has shown it before. */
  hasKey({ socket, headers }: IncomingMessage): boolean {
    return this.#isKeyHeader(socket, headers.authorization)
  }

  authorise({ authorization, cookie, address }: Credentials): Access {
    const key = presentedKey(authorization)
    if (key !== undefined) {
      const role = this.roleOf(key)
      if (role !== undefined) return ACCESS_BY_KEY[role]
      this.#wrongKeys?.record(address ?? 'unknown')
      return NONE
    }
    const secret = readSessionCookie(cookie)
    const found = secret === undefined ? undefined : this.#sessions.find(secret)
    return found === undefined ? NONE : { kind: 'session', ...found }
  }

  /** Whether a request may use what is not public, and of that what changes something. */
  admit(head: RequestHead, needed: Role = 'operator'): Admission {
    const access = this.authorise(head)
    if (access.kind === 'none') return { ok: false, error: UNAUTHORIZED }
    if (!suffices(access.role, needed)) return { ok: false, error: READS_ONLY }
    const error = access.kind === 'key' ? undefined : findForgery(head)
    return error === undefined ? { ok: true, access } : { ok: false, error }
  }
}

export function suffices(role: Role, needed: Role): boolean {
  return role === 'operator' || needed === 'viewer'
}

/** The same head from Node's own request. */
export function readHead({ method = 'GET', headers, socket }: IncomingMessage): RequestHead {
  const site = headers['sec-fetch-site']
  return {
    method,
    authorization: headers.authorization,
    cookie: headers.cookie,
    host: headers.host,
    origin: headers.origin,
    secFetchSite: Array.isArray(site) ? site.join(', ') : site,
    contentType: headers['content-type'],
    address: socket.remoteAddress,
  }
}

/**
 * Why a request that rests on a browser's cookie, or is about to get one, must not change anything. Every
 * browser names the origin of such a request; one that names none comes from no browser.
 */
export function findForgery(head: RequestHead): TaskError | undefined {
  if (SAFE_METHODS.has(head.method)) return undefined
  const isForeignSite = head.secFetchSite !== undefined && head.secFetchSite !== 'same-origin'
  if (isForeignSite || (head.origin !== undefined && !isOwnOrigin(head.origin, head.host)))
    return {
      code: 'FORBIDDEN',
      detail: 'The request comes from a page of another origin; use the dashboard of this balancer.',
    }
  if (mediaTypeOf(head.contentType) === 'application/json') return undefined
  return {
    code: 'UNSUPPORTED_MEDIA_TYPE',
    detail: 'A request without a key in a header must be `Content-Type: application/json`.',
  }
}

/** True when `origin` is the very host that was asked, default ports aside. */
export function isOwnOrigin(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined || host === undefined || host === '') return false
  const from = URL.parse(origin)
  if (from === null || !/^https?:$/.test(from.protocol) || from.origin !== origin.toLowerCase()) return false
  return URL.parse(`${from.protocol}//${host}`)?.host === from.host
}

/** The media type without its parameters, in lower case. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}
