/**
 * A run as `GET /runs/{id}` answers it (CONTRACT §4, Runs), and why it is where it is. Read by the
 * dashboard and by clients. Null means unknown or not applicable, never zero; what a version does not
 * do yet is null or empty.
 */
import { z } from 'zod'
import { DELIVERY_STATES } from './delivery-view.ts'
import { MODES } from './link/records.ts'

export const RUN_STATUSES = [
  'scheduled',
  'queued',
  'running',
  'completed',
  'failed',
  'cancelled',
  'expired',
] as const
export const runStatusSchema = z.enum(RUN_STATUSES)
export type RunStatus = (typeof RUN_STATUSES)[number]

/** Every way from one status to the next; a final one has none. `docs/states.md` shows them. */
export const RUN_EDGES: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  scheduled: ['queued', 'cancelled', 'expired'],
  queued: ['running', 'failed', 'cancelled', 'expired'],
  running: ['queued', 'completed', 'failed', 'cancelled', 'expired'],
  completed: [],
  failed: [],
  cancelled: [],
  expired: [],
}

/** True when nothing more happens to a run of this status. */
export function isFinal(status: RunStatus): boolean {
  return RUN_EDGES[status].length === 0
}

const RUN_ID_PATTERN = /^r_([0-9a-hjkmnp-tv-z]{10})[0-9a-hjkmnp-tv-z]{16}$/
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** Unix milliseconds of a run's acceptance, which its id bears; undefined for a text that is no id. */
export function timeOfRun(id: string): number | undefined {
  const text = RUN_ID_PATTERN.exec(id)?.[1]
  if (text === undefined) return undefined
  let ms = 0
  for (const character of text) ms = ms * 32 + ALPHABET.indexOf(character)
  return ms
}

/** What a choice looks at: milliseconds of one more task there, slots, and (used + 1) ÷ limit ÷ weight. */
export const scoreSchema = z.object({
  worker: z.string(),
  expectedMs: z.number().nullable(),
  used: z.number(),
  limit: z.number(),
  occupancyAfter: z.number(),
})

/** Why the last attempt went where it went; kept of a sample of the runs. */
export const choiceSchema = z.object({
  at: z.string(),
  winner: scoreSchema,
  /** The next best, at most four. */
  runnersUp: z.array(scoreSchema),
})

/** `GET /runs/{id}/explain` and `POST /explain`. */
export const explanationSchema = z.object({
  /** `start`: goes to `worker` at once · `wait` · `refuse`, for `error` · `running` on `worker` · `ended`. */
  verdict: z.enum(['start', 'wait', 'refuse', 'running', 'ended']),
  /** Who has it, had it last or would get it. */
  worker: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** Tasks of its line that go first; null when it does not wait in one. */
  position: z.number().nullable(),
  /** The pause or the limit that holds it back. */
  heldBy: z.string().nullable(),
  /** The same for programs; `until`: when it ends by itself, null when nobody knows. */
  hold: z
    .object({
      kind: z.enum(['paused', 'concurrency', 'rate', 'session', 'not_due']),
      until: z.string().nullable(),
    })
    .nullable(),
  /** Workers in all, each counted under one of `reasons`; null and none for a run that runs or has ended. */
  workers: z.number().nullable(),
  reasons: z.array(z.object({ code: z.string(), reason: z.string(), count: z.number() })),
  /** The worker that came nearest and what it lacks; null when one could take it now. */
  nearestMiss: z.string().nullable(),
  nearest: z.object({ worker: z.string(), code: z.string(), reason: z.string() }).nullable(),
  /** Who could take it now, the best first, at most five. */
  candidates: z.array(scoreSchema),
  choice: choiceSchema.nullable(),
})

export const runAttemptSchema = z.object({
  n: z.number(),
  worker: z.string().nullable(),
  startedAt: z.string().nullable(),
  /** Null while it runs, and so is `outcome`. */
  finishedAt: z.string().nullable(),
  outcome: z.enum(['completed', 'failed', 'timeout', 'lost', 'cancelled']).nullable(),
})

const runFileSchema = z.object({
  path: z.string(),
  mediaType: z.string(),
  size: z.number(),
  url: z.string(),
})

/** An item of `GET /runs`. */
export const runItemSchema = z.object({
  id: z.string(),
  status: runStatusSchema,
  durable: z.boolean(),
  trigger: z.enum(['api', 'schedule', 'webhook', 'email', 'call', 'ui']),
  function: z.string(),
  group: z.string(),
  contract: z.number().nullable(),
  priority: z.number(),
  mode: z.enum(MODES),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** Attempts that have begun. */
  attempt: z.number(),
  worker: z.string().nullable(),
  session: z.string().nullable(),
  parent: z.string().nullable(),
  retryOf: z.string().nullable(),
  schedule: z.string().nullable(),
  budget: z.string().nullable(),
  usage: z.record(z.string(), z.number()).nullable(),
  costs: z.record(z.string(), z.number()).nullable(),
  /** An attempt of it waited until its function was made ready, and how long that was in all. */
  coldStart: z.boolean().nullable(),
  coldStartMs: z.number().nullable(),
  /** Empty in lists, like `output`. */
  sources: z.array(z.object({ url: z.string(), title: z.string().optional() })),
  /** Text messages as items of the kind `message`; null when there are none. */
  output: z.unknown(),
  explain: choiceSchema.nullable(),
  files: z.array(runFileSchema),
  progress: z.object({ fraction: z.number(), text: z.string().nullable() }).nullable(),
  metadata: z.record(z.string(), z.string()),
  createdAt: z.string(),
  scheduledFor: z.string().nullable(),
  startedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  /** From acceptance to the start of the last attempt, in the handler, and in all. */
  queueMs: z.number().nullable(),
  runMs: z.number().nullable(),
  latencyMs: z.number().nullable(),
  webhook: z
    .object({
      state: z.enum(DELIVERY_STATES),
      /** Tries. */
      deliveries: z.number(),
    })
    .nullable(),
})

export const runViewSchema = runItemSchema.extend({
  input: z.unknown(),
  result: z.unknown(),
  attempts: z.array(runAttemptSchema),
  messages: z.array(z.unknown()),
  /** Older messages that are not kept; missing when all are. */
  messagesDropped: z.number().optional(),
})

export type Score = z.infer<typeof scoreSchema>
export type ChoiceView = z.infer<typeof choiceSchema>
export type ExplanationView = z.infer<typeof explanationSchema>
export type RunAttempt = z.infer<typeof runAttemptSchema>
export type RunItem = z.infer<typeof runItemSchema>
export type RunView = z.infer<typeof runViewSchema>
