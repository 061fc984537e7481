/**
 * The dashboard's socket, `GET /feed`: one snapshot, then sequenced changes, at most four a second.
 *
 * Server to page: `{seq, at, snapshot}` once, then `{seq, at, changes}`. `changes` holds only what
 * differs: a worker's changed members by id (null: the worker is gone), its load and slots in a short
 * form, new points of the chart, log lines of what is watched. Of a long fleet a snapshot brings the first
 * workers and the next changes the others; `toCome` says how many are missing after a message, at most;
 * without it, none. A page that reconnects within a minute asks `?since=<seq>` and gets either the changes
 * it missed as one message, or a new snapshot.
 * Page to server: `{watch: ["workers", "logs", "logs:<worker id>", "logs?<filter>", "runs?<query of GET /runs>",
 * "run:<id>"]}`; the list replaces the last.
 */
import { z } from 'zod'
import { logEntrySchema } from './messages/worker.ts'
import { runItemSchema, runViewSchema } from './run-view.ts'
import { workerViewSchema } from './worker-view.ts'

/** One second of the fleet. Slots are the fleet's at the end of it, null when nothing is known. */
export const fleetPointSchema = z.object({
  /** Unix seconds. */
  t: z.number(),
  slots: z
    .object({ used: z.number(), free: z.number(), maintenance: z.number(), stalled: z.number() })
    .nullable(),
  waiting: z.number(),
  submitted: z.number(),
  completed: z.number(),
  failed: z.number(),
})

/** The state of workers.json: `stale` means that the file is bad and the last good fleet stands. */
export const configStateSchema = z.object({
  state: z.enum(['ok', 'stale']),
  error: z.string().optional(),
  line: z.number().optional(),
  column: z.number().optional(),
  since: z.string(),
  warnings: z.array(z.string()),
})

export const balancerViewSchema = z.object({
  name: z.string(),
  environment: z.string().nullable(),
  version: z.string(),
  startedAt: z.string(),
  status: z.enum(['starting', 'ready', 'draining']),
  /** WORKER_LEASE: a worker that is silent for so long is given up. */
  workerLeaseMs: z.number().optional(),
})

export const queueViewSchema = z.object({ waiting: z.number(), running: z.number() })

/** A line with the id of the worker that wrote it; the balancer's own have none. */
export const feedLineSchema = logEntrySchema.extend({ worker: z.string().optional() })

export const feedSnapshotSchema = z.object({
  balancer: balancerViewSchema,
  config: configStateSchema,
  queue: queueViewSchema,
  workers: z.array(workerViewSchema),
  toCome: z.number().optional(),
  /** The last 15 minutes, a point a second, oldest first; seconds without a point are gaps. */
  points: z.array(fleetPointSchema).max(900),
  /** What the page watches of logs, by its own words (log-query.ts). */
  logs: z.record(z.string(), z.array(feedLineSchema)),
})

/** A run as it is watched; input and result are asked for by HTTP. */
export const feedRunSchema = runViewSchema.omit({ input: true, result: true })

/**
 * A worker was heard: milliseconds before the frame's `at`; and, when one of them differs as far as it is shown, its
 * processor and memory in percent, its event loop's delay and its round trip in milliseconds. Its uptime grew with
 * the instants at which it was heard.
 */
export const feedBeatSchema = z.array(z.number().nullable()).min(1).max(5)

/** `[limit, used, stuck, available, queue]`. */
export const feedSlotsSchema = z.array(z.number()).length(5)

export const feedChangesSchema = z.object({
  balancer: balancerViewSchema.optional(),
  config: configStateSchema.optional(),
  queue: queueViewSchema.optional(),
  workers: z.record(z.string(), workerViewSchema.partial().nullable()).optional(),
  toCome: z.number().optional(),
  /** What moves all the time, by worker; to be applied after `workers`. */
  beats: z.record(z.string(), feedBeatSchema).optional(),
  slots: z.record(z.string(), feedSlotsSchema).optional(),
  points: z.array(fleetPointSchema).optional(),
  logs: z.record(z.string(), z.object({ lines: z.array(feedLineSchema), dropped: z.number() })).optional(),
  /** By watched word. `isWhole`: these are all there are; else only what is new or has changed, and what is gone. */
  runs: z
    .record(
      z.string(),
      z.object({
        items: z.array(runItemSchema),
        gone: z.array(z.string()),
        isWhole: z.boolean().optional(),
      }),
    )
    .optional(),
  /** By id: members that have changed, at first all but input and result; null when there is no such run (any more). */
  run: z.record(z.string(), feedRunSchema.partial().nullable()).optional(),
  /** Words of the last `watch` that are not followed, and why, in English. */
  refused: z.record(z.string(), z.string()).optional(),
})

export const feedMessageSchema = z.union([
  z.object({ seq: z.number(), at: z.string(), snapshot: feedSnapshotSchema }),
  z.object({ seq: z.number(), at: z.string(), changes: feedChangesSchema }),
])

export const feedRequestSchema = z.strictObject({
  watch: z.array(z.string().min(1).max(2060)).max(32),
})

export type FleetPoint = z.infer<typeof fleetPointSchema>
export type ConfigState = z.infer<typeof configStateSchema>
export type BalancerView = z.infer<typeof balancerViewSchema>
export type QueueView = z.infer<typeof queueViewSchema>
export type FeedBeat = z.infer<typeof feedBeatSchema>
export type FeedSlots = z.infer<typeof feedSlotsSchema>
export type FeedLine = z.infer<typeof feedLineSchema>
export type FeedSnapshot = z.infer<typeof feedSnapshotSchema>
export type FeedChanges = z.infer<typeof feedChangesSchema>
export type FeedMessage = z.infer<typeof feedMessageSchema>
export type FeedRun = z.infer<typeof feedRunSchema>
export type FeedRequest = z.infer<typeof feedRequestSchema>
