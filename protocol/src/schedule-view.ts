/**
 * A schedule as `GET /schedules/{id}` answers it (CONTRACT §4, Schedules): its time, the task that it fires and how
 * it has gone so far. In lists without `input` and `history`. Instants are ISO 8601 UTC.
 */
import { z } from 'zod'

export const SCHEDULE_TYPES = ['cron', 'interval', 'delayed', 'scheduled'] as const
export const OVERLAP_POLICIES = ['skip', 'queue', 'allow'] as const
export const MISSED_POLICIES = ['skip', 'once'] as const
/** `waiting`: for the end of an earlier run. */
export const FIRE_OUTCOMES = ['fired', 'waiting', 'skipped', 'missed', 'refused'] as const

const instant = z.string()

/** What became of an instant, or of several that were missed together: then it is the last of them. */
export const scheduleFireSchema = z.object({
  scheduledFor: instant,
  at: instant,
  outcome: z.enum(FIRE_OUTCOMES),
  run: z.string().nullable(),
  /** Instants that it stands for. */
  count: z.number(),
  /** Why it was not fired. */
  reason: z.string().nullable(),
})

/** The fields of its task stand beside these, as they were given. */
export const scheduleViewSchema = z.looseObject({
  /** `s_` and 26 base32 characters. */
  id: z.string(),
  type: z.enum(SCHEDULE_TYPES),
  cron: z.string().optional(),
  /** Null: that of the balancer's process. */
  timezone: z.string().nullable().optional(),
  intervalSeconds: z.number().optional(),
  delayInSeconds: z.number().optional(),
  date: instant.optional(),
  overlap: z.enum(OVERLAP_POLICIES),
  missed: z.enum(MISSED_POLICIES),
  enabled: z.boolean(),
  group: z.string(),
  function: z.string(),
  priority: z.number(),
  nextRunAt: instant.nullable(),
  /** At most five, `nextRunAt` the first of them. */
  nextRuns: z.array(instant),
  /** The last instant that has passed, fired or not. */
  lastInstant: instant.nullable(),
  /** The run that it fired last. */
  lastRun: z.string().nullable(),
  /** Instants that wait for the end of an earlier run. */
  waiting: z.number(),
  counts: z.object({
    fired: z.number(),
    skipped: z.number(),
    missed: z.number(),
    refused: z.number(),
  }),
  /** Of its runs that have ended; in lists missing. */
  runs: z.number().optional(),
  usage: z.record(z.string(), z.number()).nullable().optional(),
  costs: z.record(z.string(), z.number()).nullable().optional(),
  createdAt: instant,
  updatedAt: instant,
  /** The newest first, at most 50. */
  history: z.array(scheduleFireSchema).optional(),
})

export type ScheduleView = z.infer<typeof scheduleViewSchema>
