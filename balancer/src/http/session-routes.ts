/**
 * Sign-in, sign-out and one-time tokens: how a browser gets its session and loses it. A failed sign-in says
 * the same whatever was wrong, and counts against its address; what is right always passes.
 * Invariant: no answer but `Set-Cookie` ever holds a session's secret.
 */
import type { BalancerView, Role } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import { z } from 'zod'
import { note } from './activity.ts'
import type { Gate } from './auth.ts'
import { readJsonBody } from './body.ts'
import { formatClearedCookies, formatSessionCookie } from './cookies.ts'
import { FailureThrottle } from './failure-throttle.ts'
import { problem } from './problem.ts'
import { addressOf, nameOf, type Route, type RouteContext } from './routes.ts'
import { SESSION_LIMIT_MS, type Sessions } from './sessions.ts'
import { SignInTokens } from './sign-in-tokens.ts'

export interface SessionRouteDeps {
  readonly gate: Gate
  readonly sessions: Sessions
  readonly clock: Clock
  readonly log: Log
  readonly balancer: () => BalancerView
}

const signInSchema = z.union(
  [z.strictObject({ key: z.string().max(4096) }), z.strictObject({ token: z.string().max(256) })],
  'must hold either `key` or `token`, as text',
)
const emptySchema = z.strictObject({})

export function sessionRoutes(deps: SessionRouteDeps): readonly Route[] {
  const { sessions, clock, log } = deps
  const tokens = new SignInTokens(clock)
  const throttle = new FailureThrottle(clock)

  async function signIn(c: RouteContext): Promise<Response> {
    const read = await readJsonBody(c.req.raw, signInSchema)
    if (!read.ok) return problem(read.error)
    const address = addressOf(c)
    // Behind a proxy all have one address: the wrong tries of one must not lock out who has the key.
    const role = roleOf(read.value)
    if (role === undefined) {
      const waitMs = throttle.waitMs(address)
      if (waitMs > 0) return refuseTry(waitMs)
      throttle.recordFailure(address)
      log.warn('sign-in refused', { address })
      const detail = 'The key or token is not valid; a token is good once and for 15 minutes.'
      return problem({ code: 'UNAUTHORIZED', detail })
    }
    // Whatever session the browser brought ends here: its cookie is replaced.
    const before = c.get('access')
    if (before.kind === 'session') sessions.close(before.hash)
    const { secret, hash } = sessions.open(role)
    const by = 'key' in read.value ? 'key' : 'token'
    log.info('signed in', { address, with: by, role })
    c.set('access', { kind: 'session', hash, role })
    noteSession(c, hash, 'session.opened', `Signed in with a ${by}, as ${role}.`)
    const options = { isSecure: isByTls(c), maxAgeS: SESSION_LIMIT_MS / 1000 }
    c.header('set-cookie', formatSessionCookie(secret, options))
    return c.json({ ok: true })
  }

  function makeToken(c: RouteContext): Response {
    if (c.get('access').kind !== 'key')
      return problem({
        code: 'FORBIDDEN',
        detail: 'A sign-in token is made with the key, not with a session.',
      })
    log.info('sign-in token made', { address: addressOf(c) })
    noteSession(c, 'token', 'session.token', 'Made a one-time sign-in token.')
    return c.json(tokens.make(), 201)
  }

  async function signOut(c: RouteContext): Promise<Response> {
    const read = await readJsonBody(c.req.raw, emptySchema)
    if (!read.ok) return problem(read.error)
    const access = c.get('access')
    if (access.kind === 'session') {
      sessions.close(access.hash)
      noteSession(c, access.hash, 'session.closed', 'Signed out.')
    }
    for (const cookie of formatClearedCookies()) c.header('set-cookie', cookie, { append: true })
    return c.json({ ok: true })
  }

  function whoAmI(c: RouteContext): Response {
    const access = c.get('access')
    const { name: balancer, environment, version } = deps.balancer()
    return c.json({
      name: nameOf(access),
      role: access.kind === 'none' ? null : access.role,
      session: access.kind === 'session' ? (sessions.lifeOf(access.hash) ?? null) : null,
      balancer,
      environment,
      version,
    })
  }

  /** A token is made with the operator's key, and good for what that is good for. */
  function roleOf(given: z.infer<typeof signInSchema>): Role | undefined {
    if ('key' in given) return deps.gate.roleOf(given.key)
    return tokens.spend(given.token) ? 'operator' : undefined
  }

  return [
    { method: 'POST', path: '/sign-in', policy: 'public', handle: signIn },
    { method: 'POST', path: '/sign-in/tokens', policy: 'key', handle: makeToken },
    { method: 'POST', path: '/sign-out', policy: 'read', handle: signOut },
    { method: 'GET', path: '/me', policy: 'read', handle: whoAmI },
  ]
}

/** Named by the beginning of its hash, as in the log. */
function noteSession(c: RouteContext, hash: string, action: string, summary: string): void {
  note(c, { action, target: { kind: 'session', id: hash.slice(0, 8) }, summary })
}

function refuseTry(waitMs: number): Response {
  const detail = 'Too many failed sign-ins from this address; wait and try again.'
  return problem({ code: 'RATE_LIMITED', detail, retryAfterMs: waitMs })
}

/** A proxy may have ended the TLS; then the browser's own word on its origin tells. */
function isByTls(c: RouteContext): boolean {
  const socket: object | undefined = c.env?.incoming?.socket
  const isEncrypted = socket !== undefined && 'encrypted' in socket && socket.encrypted === true
  return isEncrypted || (c.req.header('origin') ?? '').startsWith('https://')
}
