/**
 * Text messages that a balancer sends to a worker: the greeting with its terms, questions, and an
 * operator's wishes. All that concerns a single task travels in binary records instead.
 */
import { z } from 'zod'
import { interfaceHashSchema } from '../interface.ts'
import { LIMITS } from '../limits.ts'
import { nameSchema } from '../names.ts'
import { atSchema, byeSchema, logLevelSchema, pingSchema, pongSchema } from './worker.ts'

/**
 * The answer to `hello`. Of the runs that the hello lists as started, `adopt` names those that go
 * on, each with its number on this link; the worker gives up every other memory run.
 */
export const welcomeSchema = z.object({
  type: z.literal('welcome'),
  at: atSchema,
  protocol: z.int().min(1),
  /** The balancer's name and boot id: shown in the worker's log. */
  name: z.string().max(256),
  bootId: z.string().min(8).max(64),
  heartbeatIntervalMs: z.int().min(1),
  heartbeatTimeoutMs: z.int().min(1),
  leaseMs: z.int().min(1),
  /** The largest file that a run may keep; a balancer that does not say it keeps none. */
  fileLimitBytes: z.int().min(0).optional(),
  adopt: z
    .array(z.object({ run: z.string().max(64), fence: z.int().min(0), task: z.int().min(1) }))
    .max(LIMITS.slots),
})

/** Asks for the functions behind a hash that this balancer has not seen. */
export const interfaceQuestionSchema = z.object({
  type: z.literal('interface'),
  at: atSchema,
  hash: interfaceHashSchema,
})

/** An operator's decision, passed on; repeated after every reconnect. */
export const maintenanceSchema = z.object({
  type: z.literal('maintenance'),
  at: atSchema,
  on: z.boolean(),
  reason: z.string().max(1024).optional(),
  /** Who decided: `operator` or `file`. */
  by: z.string().max(128),
  until: z.string().max(40).optional(),
})

/** Turns the worker's log lines on or off, or changes which are sent. */
export const followLogsSchema = z.object({
  type: z.literal('logs'),
  at: atSchema,
  follow: z.boolean(),
  level: logLevelSchema,
  /** How many of the lines it keeps come first, when it is turned on or with `tail`; absent: 200. */
  backlog: z.int().min(0).max(LIMITS.logBacklogLines).optional(),
  /** Lines a second; absent: 2,000. */
  perSecond: z.int().min(1).max(LIMITS.logLinesPerSecond).optional(),
  /** Fields come as `fields`, not as part of the text. */
  fields: z.boolean().optional(),
  /**
   * The lines of this level and above that it keeps come again though it is on, in a message of their own: somebody
   * wants more of them.
   */
  tail: logLevelSchema.optional(),
})

/**
 * Which functions an operator wants kept ready, or not, whatever they say themselves: all that has been said, anew
 * each time. Behind a welcome where anything is set, and on every change.
 */
export const warmSchema = z.object({
  type: z.literal('warm'),
  at: atSchema,
  /** Of every function that is not named; absent: as each declares it. */
  all: z.boolean().optional(),
  on: z.array(nameSchema).max(LIMITS.functions),
  off: z.array(nameSchema).max(LIMITS.functions),
})

export const fromBalancerSchema = z.discriminatedUnion('type', [
  welcomeSchema,
  interfaceQuestionSchema,
  maintenanceSchema,
  followLogsSchema,
  warmSchema,
  pingSchema,
  pongSchema,
  byeSchema,
])

export type Welcome = z.infer<typeof welcomeSchema>
export type FollowLogs = z.infer<typeof followLogsSchema>
export type MaintenanceOrder = z.infer<typeof maintenanceSchema>
export type FromBalancer = z.infer<typeof fromBalancerSchema>
