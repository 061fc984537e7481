/**
 * What operators did and what happened by itself, as `GET /activity` answers it and the dashboard shows it; and
 * who a request comes from, as `GET /me` answers it. Null means that there is none.
 */
import { z } from 'zod'

/** `viewer`: reads only (READ_KEY); `operator`: everything (LB_AUTH_KEY). */
export const roleSchema = z.enum(['operator', 'viewer'])

export const activityKindSchema = z.enum(['operator', 'system'])

export const activityTargetKindSchema = z.enum([
  'worker',
  'group',
  'function',
  'run',
  'runs',
  'schedule',
  'config',
  'delivery',
  'session',
  'fleet',
  'balancer',
  'form',
])

export const activityItemSchema = z.object({
  /** `a_` and 26 characters, sortable by time. */
  id: z.string(),
  at: z.string(),
  kind: activityKindSchema,
  /** The key or session that asked, as the log names it; null for what happened by itself. */
  actor: z.string().nullable(),
  role: roleSchema.nullable(),
  /** Such as `worker.off`. */
  action: z.string(),
  /** Of a function `group/name`. */
  target: z.object({ kind: activityTargetKindSchema, id: z.string() }),
  /** A sentence. */
  summary: z.string(),
  before: z.json(),
  after: z.json(),
  reason: z.string().nullable(),
  /** The peer's; behind a proxy that is the proxy's. */
  address: z.string().nullable(),
})

export const meSchema = z.object({
  name: z.string(),
  role: roleSchema,
  /** Null for a key. */
  session: z.object({ createdAt: z.string(), expiresAt: z.string() }).nullable(),
  balancer: z.string(),
  environment: z.string().nullable(),
  version: z.string(),
})

export type Role = z.infer<typeof roleSchema>
export type ActivityKind = z.infer<typeof activityKindSchema>
export type ActivityTargetKind = z.infer<typeof activityTargetKindSchema>
export type ActivityTarget = z.infer<typeof activityItemSchema>['target']
export type ActivityItem = z.infer<typeof activityItemSchema>
export type Me = z.infer<typeof meSchema>
