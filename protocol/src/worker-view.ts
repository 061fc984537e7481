/**
 * A worker as `GET /workers` answers it and the dashboard shows it (CONTRACT §4, Fleet): the
 * balancer's own verdict beside what the worker last said. Null means unknown, never zero.
 */
import { z } from 'zod'
import { serviceStateSchema, systemSchema } from './messages/worker.ts'
import { tagsSchema } from './tags.ts'

export const workerStateSchema = z.enum([
  'connecting',
  'ready',
  'saturated',
  'unready',
  'draining',
  'leaving',
  'maintenance',
  'ejected',
  'stalled',
  'mismatch',
  'unreachable',
])

export const maintenanceMasterSchema = z.enum(['worker', 'file', 'operator'])

export const workerViewSchema = z.object({
  id: z.string(),
  url: z.string(),
  source: z.enum(['file', 'joined']),
  group: z.string().nullable(),
  contract: z.number().nullable(),
  status: workerStateSchema,
  /** Why it is not ready, in words; null when it is. */
  reason: z.string().nullable(),
  slots: z
    .object({
      limit: z.number(),
      used: z.number(),
      stuck: z.number(),
      available: z.number(),
      /** Tasks that wait at the worker itself. */
      queue: z.number(),
    })
    .nullable(),
  tags: tagsSchema,
  services: z.array(serviceStateSchema),
  functions: z.array(z.string()),
  /** `uptime` in seconds. */
  system: systemSchema.omit({ uptimeS: true }).extend({ uptime: z.number() }).nullable(),
  version: z.string().nullable(),
  lastSeenAt: z.string().nullable(),
  latencyMs: z.number().nullable(),
  breaker: z.object({
    state: z.enum(['closed', 'open', 'half-open']),
    since: z.string().nullable(),
    until: z.string().nullable(),
    reason: z.string().nullable(),
    failures: z.number(),
  }),
  maintenance: z
    .object({
      reason: z.string().nullable(),
      by: maintenanceMasterSchema,
      since: z.string().nullable(),
      until: z.string().nullable(),
      /** Who decided, as the log names them; only of an operator's. */
      owner: z.string().nullable(),
      /** When what still runs is ended; only of an operator's. */
      deadline: z.string().nullable(),
    })
    .nullable(),
})

export type WorkerState = z.infer<typeof workerStateSchema>
export type WorkerView = z.infer<typeof workerViewSchema>
