/**
 * What a route is, and the guard that stands before each. The table itself is put together in `app.ts` from
 * the files that own the routes. Invariant: a route exists only with a policy, and the guard runs on the very
 * match that finds the handler, so no spelling of a path reaches a handler past it.
 */

import type { TaskError } from '@berth/protocol'
import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import type { ActivityPort } from '../ports/activity.ts'
import {
  type Access,
  findForgery,
  type Gate,
  READS_ONLY,
  type RequestHead,
  suffices,
  UNAUTHORIZED,
} from './auth.ts'
import { problem } from './problem.ts'
import { readReason } from './reason.ts'

/**
 * `public`: anybody · `key`: an operator, by key or session · `read`: viewers as well ·
 * `loopback-or-key`: anybody when HOST is loopback, else as `read`.
 */
export type Policy = 'public' | 'key' | 'read' | 'loopback-or-key'

export interface AppEnv {
  /** Absent when a test asks the app without a server. */
  readonly Bindings: Partial<HttpBindings>
  /** `activity` is absent when a test asks without one. */
  readonly Variables: { access: Access; activity: Pick<ActivityPort, 'record'> | undefined }
}

export type RouteContext = Context<AppEnv>

export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** As Hono reads it: `/workers/:id`. */
  readonly path: string
  readonly policy: Policy
  readonly handle: (c: RouteContext) => Response | Promise<Response>
  /** How it words what the guard refuses; problem+json unless given. */
  readonly refuse?: (error: TaskError) => Response
}

export interface GuardDeps {
  readonly gate: Gate
  /** Takes what routes note of what operators do. */
  readonly activity?: Pick<ActivityPort, 'record'> | undefined
  readonly isLoopbackHost: boolean
}

/** Lets a request pass as its policy says, and tells the handler who it is from. */
export function guard(
  { policy, refuse = problem }: Pick<Route, 'policy' | 'refuse'>,
  deps: GuardDeps,
): MiddlewareHandler<AppEnv> {
  const isOpen = policy === 'public' || (policy === 'loopback-or-key' && deps.isLoopbackHost)
  const needed = policy === 'key' ? 'operator' : 'viewer'
  return async (c, next) => {
    const head = readRequestHead(c)
    const access = deps.gate.authorise(head)
    if (!isOpen) {
      if (access.kind === 'none') return refuse(UNAUTHORIZED)
      if (!suffices(access.role, needed)) return refuse(READS_ONLY)
    }
    const forgery = access.kind === 'key' ? undefined : findForgery(head)
    if (forgery !== undefined) return refuse(forgery)
    const reason = readReason(c.req.header('x-reason'))
    if (typeof reason === 'object') return refuse(reason)
    c.set('access', access)
    c.set('activity', deps.activity)
    return next()
  }
}

export function readRequestHead(c: RouteContext): RequestHead {
  return {
    method: c.req.method,
    authorization: c.req.header('authorization'),
    cookie: c.req.header('cookie'),
    host: c.req.header('host') ?? new URL(c.req.url).host,
    origin: c.req.header('origin'),
    secFetchSite: c.req.header('sec-fetch-site'),
    contentType: c.req.header('content-type'),
    address: addressOf(c),
  }
}

/** The peer's address; behind a proxy that is the proxy's. */
export function addressOf(c: RouteContext): string {
  return c.env?.incoming?.socket.remoteAddress ?? 'unknown'
}

/** `ui`: a page of ours asks, with a session instead of a key. */
export function triggerOf(c: RouteContext): 'ui' | undefined {
  return c.get('access').kind === 'session' ? 'ui' : undefined
}

/** Who asks, for the log: the key, or the first characters of a session's hash. */
export function nameOf(access: Access): string {
  if (access.kind === 'session') return `session ${access.hash.slice(0, 8)}`
  return access.kind === 'key' && access.role === 'viewer' ? 'read key' : access.kind
}
