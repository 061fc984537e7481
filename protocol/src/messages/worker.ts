/**
 * Text messages that a worker sends: who it is, what it has, what it logs. Every message carries
 * `at`, the sender's monotonic milliseconds, from which the receiver knows the age of what it reads.
 */
import { z } from 'zod'
import { functionInterfaceSchema, interfaceHashSchema } from '../interface.ts'
import { LIMITS } from '../limits.ts'
import { nameSchema } from '../names.ts'
import { tagsSchema } from '../tags.ts'

export const atSchema = z.number().min(0)

const count = z.int().min(0).max(LIMITS.slots)

/**
 * Slots of one worker. `linked` is the share of `used` that this very link's balancer dispatched:
 * what others use is `used - linked`, so a push never has to be reconciled with dispatches that
 * crossed it on the wire. `stuck` counts within `used`; `queued` are all tasks that wait here.
 */
export const slotsSchema = z
  .object({
    limit: count.min(1),
    used: count,
    linked: count,
    stuck: count,
    queued: z.int().min(0).max(10_000_000),
    queueLimit: z.int().min(0).max(10_000_000),
  })
  .refine((slots) => slots.linked <= slots.used, '`linked` counts within `used`')
  .refine((slots) => slots.stuck <= slots.used, '`stuck` counts within `used`')

export const systemSchema = z.object({
  /** Share of all cores (of the cgroup's quota, if set) busy since the last push. */
  cpuLoad: z.number().min(0).max(1),
  /** Share of the memory limit. */
  memoryUsed: z.number().min(0).max(1),
  eventLoopDelayMs: z.number().min(0),
  uptimeS: z.number().min(0),
})

export const serviceStateSchema = z.object({
  name: nameSchema,
  state: z.enum(['starting', 'running', 'down', 'stopped']),
  reason: z.string().max(1024).optional(),
})

/** What the worker itself says of itself. */
export const workerStatusSchema = z.enum(['starting', 'ready', 'unready', 'maintenance', 'draining'])

/** A task that this worker has started and not yet been released from. */
export const startedRunSchema = z.object({
  run: z.string().min(1).max(64),
  fence: z.int().min(0),
  durable: z.boolean(),
  /** True when the handler is through and only the result waits for the link. */
  finished: z.boolean(),
})

const state = {
  at: atSchema,
  /** Rises with every hello and state of one boot; an older one is ignored. */
  seq: z.int().min(0),
  status: workerStatusSchema,
  reason: z.string().max(1024).optional(),
  slots: slotsSchema,
}

export const helloSchema = z.object({
  type: z.literal('hello'),
  ...state,
  protocol: z.int().min(1),
  name: nameSchema,
  /** New at every start of the process: tells a restarted worker from a reconnected one. */
  bootId: z.string().min(8).max(64),
  version: z.string().max(64),
  group: nameSchema,
  contract: z.int().min(1),
  interface: interfaceHashSchema,
  tags: tagsSchema,
  services: z.array(serviceStateSchema).max(1000),
  system: systemSchema,
  started: z.array(startedRunSchema).max(LIMITS.slots),
})

/** Pushed on every change, at most every 10 ms, at least every second. Absent parts are unchanged. */
export const stateSchema = z.object({
  type: z.literal('state'),
  ...state,
  tags: tagsSchema.optional(),
  services: z.array(serviceStateSchema).max(1000).optional(),
  system: systemSchema.optional(),
})

/** The answer to `interface`: the full schemas behind a hash. */
export const interfaceAnswerSchema = z.object({
  type: z.literal('interface'),
  at: atSchema,
  hash: interfaceHashSchema,
  functions: z.array(functionInterfaceSchema).max(LIMITS.functions),
})

export const logLevelSchema = z.enum(['debug', 'info', 'warn', 'error'])

export const logEntrySchema = z.object({
  at: z.string().max(40),
  level: logLevelSchema,
  text: z.string().max(LIMITS.logLineText),
  source: z.string().max(128),
  run: z.string().max(64).optional(),
  /** What the line says beside its text; sent where the follower asked for it, else it stands in the text. */
  fields: z.record(z.string().max(128), z.unknown()).optional(),
})

/** Lines while somebody follows; `dropped` counts those left out since the last message. */
export const logLinesSchema = z.object({
  type: z.literal('logs'),
  at: atSchema,
  lines: z.array(logEntrySchema).max(LIMITS.logLinesPerSecond),
  dropped: z.int().min(0),
  /** These are what it keeps of this level, as it was asked for; what else was to be sent up to here has been. */
  tail: logLevelSchema.optional(),
})

export const pingSchema = z.object({ type: z.literal('ping'), at: atSchema, id: z.int().min(0) })
export const pongSchema = z.object({ type: z.literal('pong'), at: atSchema, id: z.int().min(0) })

/** The last word before a planned end of the link. */
export const byeSchema = z.object({
  type: z.literal('bye'),
  at: atSchema,
  reason: z.string().max(1024),
})

export const fromWorkerSchema = z.discriminatedUnion('type', [
  helloSchema,
  stateSchema,
  interfaceAnswerSchema,
  logLinesSchema,
  pingSchema,
  pongSchema,
  byeSchema,
])

export type Slots = z.infer<typeof slotsSchema>
export type System = z.infer<typeof systemSchema>
export type ServiceState = z.infer<typeof serviceStateSchema>
export type WorkerStatus = z.infer<typeof workerStatusSchema>
export type StartedRun = z.infer<typeof startedRunSchema>
export type Hello = z.infer<typeof helloSchema>
export type State = z.infer<typeof stateSchema>
export type LogLevel = z.infer<typeof logLevelSchema>
export type LogEntry = z.infer<typeof logEntrySchema>
export type FromWorker = z.infer<typeof fromWorkerSchema>
