/**
 * Schedules of the workers API: of the four kinds, each firing another turn of its worker. Made, listed and removed
 * through ports/schedules.ts, like those of `POST /schedules`.
 * Invariant: of a worker only what fires into it is shown or removed.
 */
import { instantSchema, MAX_DURATION_MS, type TaskError } from '@berth/protocol'
import { z } from 'zod'
import type { FoundSchedule, SchedulesPort } from '../../../ports/schedules.ts'
import type { DurableCalls } from '../../durable-call.ts'
import { readSchedule } from '../../schedule-body.ts'
import type { TaskHead } from '../../task-call.ts'
import { AGENT_GROUP } from './worker-sessions.ts'

export interface WorkerSchedulesDeps {
  readonly schedules: Pick<SchedulesPort, 'create' | 'list' | 'find' | 'remove'>
  readonly calls: Pick<DurableCalls, 'order'>
  /** `AGENT_FUNCTION`. */
  readonly agentFunction: string
}

/** As many as are listed at once. */
const MOST_LISTED = 500
const YEAR_SECONDS = 31_536_000

const seconds = z
  .int(`must be a whole number of seconds from 1 to ${YEAR_SECONDS}`)
  .min(1, 'must be at least 1 second')
  .max(YEAR_SECONDS, `must be at most ${YEAR_SECONDS} seconds, a year`)

export const whenSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('scheduled'),
    date: instantSchema,
  }),
  z.strictObject({ type: z.literal('delayed'), delayInSeconds: seconds }),
  z.strictObject({ type: z.literal('cron'), cron: z.string().min(1).max(256) }),
  z.strictObject({ type: z.literal('interval'), intervalSeconds: seconds }),
])

export interface WantedTurns {
  readonly input: string
  readonly budget: string
  readonly when: z.infer<typeof whenSchema>
}

export type MadeSchedule =
  | { readonly ok: true; readonly schedule: object }
  | { readonly ok: false; readonly error: TaskError }

export class WorkerSchedules {
  readonly #deps: WorkerSchedulesDeps

  constructor(deps: WorkerSchedulesDeps) {
    this.#deps = deps
  }

  async create(worker: string, wanted: WantedTurns, head: TaskHead, nowMs: number): Promise<MadeSchedule> {
    const { schedules, calls, agentFunction } = this.#deps
    const { input, budget, when } = wanted
    if (when.type === 'scheduled' && Date.parse(when.date) - nowMs > MAX_DURATION_MS)
      return { ok: false, error: { code: 'INVALID_REQUEST', detail: '`when.date` is too far ahead.' } }
    const task = { group: AGENT_GROUP, function: agentFunction, session: worker, input: { input }, budget }
    const read = readSchedule({ ...when, ...task }, head, (...asked) => calls.order(...asked))
    if (!read.ok) return read
    const made = await schedules.create(read.wanted)
    return made.ok ? { ok: true, schedule: toView(made.schedule) } : made
  }

  /** Those that are still to fire, the newest first. */
  async list(worker: string): Promise<readonly object[]> {
    const { schedules, agentFunction } = this.#deps
    const filter = { session: worker, group: AGENT_GROUP, function: agentFunction, enabled: true }
    const shown = await schedules.list(filter, MOST_LISTED, undefined)
    const found = await Promise.all(shown.map(({ id }) => schedules.find(id)))
    return found.filter((one) => one !== undefined).map(toView)
  }

  /** False when the worker has none of that id. */
  async cancel(worker: string, id: string): Promise<boolean | TaskError> {
    const { schedules } = this.#deps
    const found = await schedules.find(id)
    if (!found || JSON.parse(found.body).session !== worker) return false
    const removed = await schedules.remove(id)
    if (!removed) return false
    return removed.ok || removed.error
  }
}

function toView({ id, terms, body, payload, nextMs }: FoundSchedule): object {
  const { budget = 'standard' } = JSON.parse(body)
  const { input = '' } = JSON.parse(Buffer.from(payload.bytes).toString())
  const nextRunAt = nextMs === null ? null : new Date(nextMs).toISOString()
  const { type } = terms
  const shown = { id, type, input, budget, nextRunAt }
  if (terms.type === 'delayed') return { ...shown, delayInSeconds: terms.delayInSeconds }
  if (terms.type === 'interval') return { ...shown, intervalSeconds: terms.intervalSeconds }
  return terms.type === 'cron' ? { ...shown, cron: terms.cron } : shown
}
