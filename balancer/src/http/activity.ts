/**
 * How a route notes what an operator did: `note(c, {...})`, after it is done and before it is answered. The guard
 * knows the port; who asks, from where and why is read from the request.
 * Invariant: a note costs no wait and changes no answer.
 */
import type { ActivityNote } from '../ports/activity.ts'
import { readReason } from './reason.ts'
import { addressOf, nameOf, type RouteContext } from './routes.ts'

export function note(c: RouteContext, { reason, ...rest }: ActivityNote): void {
  const access = c.get('access')
  c.get('activity')?.record({
    ...rest,
    kind: 'operator',
    actor: access.kind === 'none' ? null : nameOf(access),
    role: access.kind === 'none' ? null : access.role,
    reason: reason ?? reasonOf(c),
    address: addressOf(c),
  })
}

/** What the header `x-reason` says; null without one. */
export function reasonOf(c: RouteContext): string | null {
  const read = readReason(c.req.header('x-reason'))
  return typeof read === 'string' ? read : null
}
