/**
 * What a route is, and the guard that stands before each. The table itself is put together in `app.ts` from
 * the files that own the routes. Invariant: a route exists only with a policy, and the guard runs on the very
 * match that finds the handler, so no spelling of a path reaches a handler past it.
 */

import type { TaskError } from '@berth/protocol'
import type { HttpBindings } from '@hono/node-server'
import type { Context, MiddlewareHandler } from 'hono'
import { type Access, findForgery, type Gate, type RequestHead, UNAUTHORIZED } from './auth.ts'
import { problem } from './problem.ts'

/** `public`: anybody · `key`: the key or a session · `loopback-or-key`: anybody when HOST is loopback. */
export type Policy = 'public' | 'key' | 'loopback-or-key'

export interface AppEnv {
  /** Absent when a test asks the app without a server. */
  readonly Bindings: Partial<HttpBindings>
  readonly Variables: { access: Access }
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
  readonly isLoopbackHost: boolean
}

/** Lets a request pass as its policy says, and tells the handler who it is from. */
export function guard(
  { policy, refuse = problem }: Pick<Route, 'policy' | 'refuse'>,
  deps: GuardDeps,
): MiddlewareHandler<AppEnv> {
  const isOpen = policy === 'public' || (policy === 'loopback-or-key' && deps.isLoopbackHost)
  return async (c, next) => {
    const head = readRequestHead(c)
    const access = deps.gate.authorise(head)
    if (access.kind === 'none' && !isOpen) return refuse(UNAUTHORIZED)
    const forgery = access.kind === 'key' ? undefined : findForgery(head)
    if (forgery !== undefined) return refuse(forgery)
    c.set('access', access)
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

/** Who asks, for the log: the key, or the first characters of a session's hash. */
export function nameOf(access: Access): string {
  return access.kind === 'session' ? `session ${access.hash.slice(0, 8)}` : access.kind
}
