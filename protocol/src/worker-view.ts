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
  /** `uptime` in seconds. Null is what nobody said: a worker of another make may leave out any of them. */
  system: z
    .object({
      cpuLoad: systemSchema.shape.cpuLoad.nullable(),
      memoryUsed: systemSchema.shape.memoryUsed.nullable(),
      eventLoopDelayMs: systemSchema.shape.eventLoopDelayMs.nullable(),
      uptime: z.number().nullable(),
    })
    .nullable(),
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

/** What the line to a worker has been like. Durations in milliseconds. */
export const linkViewSchema = z.object({
  /** Of the last ping that was answered on the present link. */
  rttMs: z.number().nullable(),
  /** Links after the first one, since the balancer knows the worker. */
  reconnects: z.number(),
  /** Numbers of the worker's own count of what it says that never came here. */
  gaps: z.number(),
  /** Null while there is no link. */
  connectedAt: z.string().nullable(),
  /** How much longer than the fastest the newest message was on its way. */
  clockAgeMs: z.number().nullable(),
  /** The last ten, oldest first. `kind` of a binary frame is its first record's name. */
  lastMessages: z.array(
    z.object({ at: z.string(), direction: z.enum(['in', 'out']), kind: z.string(), bytes: z.number() }),
  ),
})

/** What a worker serves: `hash` as it announced it; each function's own tells equal ones apart from others. */
export const servedInterfaceSchema = z.object({
  hash: z.string(),
  contract: z.number().nullable(),
  functions: z.array(
    z.object({
      name: z.string(),
      hash: z.string(),
      slots: z.number(),
      /** Milliseconds; null for the worker's default. */
      timeout: z.number().nullable(),
      supportsStreaming: z.boolean(),
      idempotent: z.boolean().nullable(),
      background: z.boolean(),
      keepWarm: z.boolean(),
    }),
  ),
})

/** `GET /workers/{id}`: what a list of thousands does not carry. */
export const workerDetailSchema = workerViewSchema.extend({
  link: linkViewSchema,
  /** Null while nobody knows. */
  interface: servedInterfaceSchema.nullable(),
  /** Those of `tags` that workers.json lays over the worker's own. */
  operatorTags: tagsSchema,
})

export type LinkView = z.infer<typeof linkViewSchema>
export type ServedInterfaceView = z.infer<typeof servedInterfaceSchema>
export type WorkerDetail = z.infer<typeof workerDetailSchema>
export type WorkerState = z.infer<typeof workerStateSchema>
export type WorkerView = z.infer<typeof workerViewSchema>
