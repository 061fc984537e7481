/**
 * From the body of `POST /schedules` or a PATCH to what is wanted: the schedule's own members checked here, the task
 * in it like that of `POST /task`. Pure but for what `order` asks. Called by schedule-routes.ts.
 * Invariants: exactly one kind of time, with all that it needs and nothing of another; an unknown member is refused.
 */
import {
  type FieldError,
  fieldErrors,
  instantSchema,
  MISSED_POLICIES,
  OVERLAP_POLICIES,
  SCHEDULE_TYPES,
  type TaskBody,
  type TaskError,
} from '@berth/protocol'
import { z } from 'zod'
import type { NewRun } from '../ports/runs.ts'
import type { ScheduleTerms, StoredSchedule } from '../ports/schedule-store.ts'
import type { JudgedChange, WantedSchedule } from '../ports/schedules.ts'
import type { StoredPayload } from '../ports/stored-run.ts'
import type { DurableCalls, OrderHead } from './durable-call.ts'
import { checkTask, type TaskHead } from './task-call.ts'
import { wrongField, wrongFields } from './wrong-field.ts'

type Type = ScheduleTerms['type']
type Members = Readonly<Record<string, unknown>>
type Order = Pick<DurableCalls, 'order'>['order']

/** A year; what is longer is a date. */
const MAX_SECONDS = 366 * 86_400
const MAX_CRON = 256
const MAX_ZONE = 64
const HIDDEN = '***'

const NO_TYPE =
  'must be "cron", "interval", "delayed" or "scheduled", with `cron`, `intervalSeconds`, `delayInSeconds` or `date` beside it, such as "type": "cron", "cron": "0 8 * * MON-FRI"'

const ownShape = {
  type: z.enum(SCHEDULE_TYPES, NO_TYPE),
  cron: z.string().max(MAX_CRON),
  timezone: z.string().min(1).max(MAX_ZONE).nullable(),
  intervalSeconds: whole(1),
  delayInSeconds: whole(0),
  date: instantSchema,
  overlap: z.enum(OVERLAP_POLICIES),
  missed: z.enum(MISSED_POLICIES),
  enabled: z.boolean('must be true or false'),
}
const ownSchema = z.strictObject(ownShape).partial().extend({ type: ownShape.type })
type Own = z.infer<typeof ownSchema>

/** What each kind of time is named by, and what may stand beside it. */
const TIMES: Readonly<Record<Type, { readonly needs: keyof Own; readonly may: readonly (keyof Own)[] }>> = {
  cron: { needs: 'cron', may: ['timezone'] },
  interval: { needs: 'intervalSeconds', may: [] },
  delayed: { needs: 'delayInSeconds', may: [] },
  scheduled: { needs: 'date', may: [] },
}
const TIME_MEMBERS = ['cron', 'timezone', 'intervalSeconds', 'delayInSeconds', 'date'] as const

export type ReadSchedule =
  | { readonly ok: true; readonly wanted: WantedSchedule }
  | { readonly ok: false; readonly error: TaskError }

/** The whole of a new schedule. */
export function readSchedule(value: object, head: TaskHead & OrderHead, order: Order): ReadSchedule {
  const [own, task] = split(value as Members)
  const time = readTime(own)
  if (!time.ok) return time
  const ordered = orderTask(task, head, order)
  return ordered.ok ? { ok: true, wanted: { ...time.time, ...ordered.task } } : ordered
}

/**
 * What becomes of a schedule by a PATCH: a member that is named takes the place of what was there, null takes it
 * back, and all else stays. Naming its time, whatever it is, begins it anew. A task of which nothing is named is not
 * judged again, whatever has become of its function since.
 */
export function mergeSchedule(
  patch: Members,
  now: StoredSchedule,
  payload: StoredPayload,
  head: TaskHead & OrderHead,
  order: Order,
): JudgedChange {
  const [ownPatch, taskPatch] = split(patch)
  const isRestart = [...TIME_MEMBERS, 'type'].some((name) => Object.hasOwn(patch, name))
  const isOtherType = Object.hasOwn(patch, 'type') && patch.type !== now.terms.type
  const enabled = isRestart && now.doneMs !== null ? true : now.enabled
  const { terms, overlap, missed } = now
  // Another kind of time brings its own default with it.
  const before: Members = isOtherType ? { overlap, enabled } : { ...terms, overlap, missed, enabled }
  const time = readTime(merge(before, ownPatch))
  if (!time.ok) return time
  const isSameTask = Object.keys(taskPatch).length === 0
  if (isSameTask) {
    const run: NewRun = { ...JSON.parse(now.order), payload }
    return { ok: true, wanted: { ...time.time, run, body: now.body }, isRestart, isSameTask }
  }
  const task: Members = { ...JSON.parse(now.body), input: JSON.parse(Buffer.from(payload.bytes).toString()) }
  const webhook = Object.hasOwn(patch, 'webhook') ? { webhook: unhide(patch.webhook, task.webhook) } : {}
  const ordered = orderTask(merge(task, { ...taskPatch, ...webhook }), head, order)
  return ordered.ok ? { ok: true, wanted: { ...time.time, ...ordered.task }, isRestart, isSameTask } : ordered
}

/** The task as it was given, for whoever reads the schedule: a webhook's headers may hold secrets. */
export function shownTask(body: string): Members {
  const task: TaskBody = JSON.parse(body)
  const { headers } = task.webhook ?? {}
  if (!headers) return task
  const hidden = Object.fromEntries(Object.keys(headers).map((name) => [name, HIDDEN]))
  return { ...task, webhook: { ...task.webhook, headers: hidden } }
}

function split(value: Members): [Members, Members] {
  const own = new Map<string, unknown>()
  const task = new Map<string, unknown>()
  for (const [name, member] of Object.entries(value))
    (Object.hasOwn(ownShape, name) ? own : task).set(name, member)
  return [Object.fromEntries(own), Object.fromEntries(task)]
}

/** Null takes a member back, but for the zone, of which it says that there is none of its own. */
function merge(before: Members, patch: Members): Members {
  const merged = new Map(Object.entries(before))
  for (const [name, value] of Object.entries(patch))
    if (value === null && name !== 'timezone') merged.delete(name)
    else merged.set(name, value)
  return Object.fromEntries(merged)
}

type ReadTime =
  | { readonly ok: true; readonly time: Omit<WantedSchedule, 'run' | 'body'> }
  | { readonly ok: false; readonly error: TaskError }

function readTime(own: Members): ReadTime {
  const parsed = ownSchema.safeParse(own)
  if (!parsed.success) return wrongFields(fieldErrors(parsed.error.issues))
  const wrong = findWrongTime(parsed.data)
  if (wrong) return wrongFields([wrong])
  const { type, overlap = 'skip', enabled = true } = parsed.data
  const missed = parsed.data.missed ?? (type === 'cron' || type === 'interval' ? 'skip' : 'once')
  return { ok: true, time: { terms: termsOf(parsed.data), overlap, missed, enabled } }
}

function findWrongTime(own: Own): FieldError | undefined {
  const { needs, may } = TIMES[own.type]
  if (own[needs] === undefined) return { pointer: `/${needs}`, detail: `is required with type ${own.type}` }
  const other = TIME_MEMBERS.find((name) => own[name] !== undefined && name !== needs && !may.includes(name))
  return other && { pointer: `/${other}`, detail: `contradicts type ${own.type}` }
}

function termsOf({
  type,
  cron = '',
  timezone = null,
  intervalSeconds,
  delayInSeconds,
  date = '',
}: Own): ScheduleTerms {
  switch (type) {
    case 'cron':
      return { type, cron, timezone }
    case 'interval':
      return { type, intervalSeconds: intervalSeconds ?? 1 }
    case 'delayed':
      return { type, delayInSeconds: delayInSeconds ?? 0 }
    case 'scheduled':
      return { type, date }
  }
}

const previewSchema = z.strictObject({
  ...ownSchema.pick({
    type: true,
    cron: true,
    timezone: true,
    intervalSeconds: true,
    delayInSeconds: true,
    date: true,
  }).shape,
  count: z.int().min(1).max(50).optional(),
})

/** The body of `POST /schedules/preview`: a time alone, and how many of its instants are wanted (5). */
export function readPreview(
  value: unknown,
):
  | { readonly ok: true; readonly terms: ScheduleTerms; readonly count: number }
  | Extract<ReadTime, { ok: false }> {
  const parsed = previewSchema.safeParse(value)
  if (!parsed.success) return wrongFields(fieldErrors(parsed.error.issues))
  const { count = 5, ...own } = parsed.data
  const wrong = findWrongTime(own)
  return wrong ? wrongFields([wrong]) : { ok: true, terms: termsOf(own), count }
}

type OrderedTask =
  | { readonly ok: true; readonly task: Pick<WantedSchedule, 'run' | 'body'> }
  | { readonly ok: false; readonly error: TaskError }

/** Nobody waits for what a schedule fires. */
function orderTask(task: Members, head: TaskHead & OrderHead, order: Order): OrderedTask {
  for (const name of ['delay', 'runAt'])
    if (Object.hasOwn(task, name)) return wrongField(`/${name}`, 'contradicts the time of the schedule')
  if (task.async === false)
    return wrongField('/async', 'must be true, or left out: nobody waits for a schedule')
  const isWrongMode = task.mode === 'sync' || task.mode === 'stream'
  if (isWrongMode) return wrongField('/mode', 'must be async or webhook: nobody waits for a schedule')
  const checked = checkTask({ ...task, mode: task.mode ?? 'async' }, head)
  if (!checked.ok) return checked
  const mode = checked.body.mode === 'webhook' ? 'webhook' : 'async'
  const ordered = order(checked.body, NO_BYTES, { mode }, head, '/input')
  if (!ordered.ok) return ordered
  const { input: _input, mode: _mode, async: _async, ...body } = checked.body
  return { ok: true, task: { run: ordered.run, body: JSON.stringify({ ...body, mode }) } }
}

/** Whoever sends back what was shown keeps what was hidden. */
function unhide(webhook: unknown, before: unknown): unknown {
  const headersOf = (value: unknown): Members => {
    const headers = isObject(value) ? value.headers : undefined
    return isObject(headers) ? headers : {}
  }
  if (!isObject(webhook) || !isObject(webhook.headers)) return webhook
  const known = headersOf(before)
  const headers = Object.entries(webhook.headers).map(([name, value]) => [
    name,
    value === HIDDEN && typeof known[name] === 'string' ? known[name] : value,
  ])
  return { ...webhook, headers: Object.fromEntries(headers) }
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The input stands in the body. */
const NO_BYTES = { bytes: new Uint8Array(0), mediaType: '', isEnvelope: true } as const

function whole(min: number): z.ZodInt {
  const error = `must be a whole number of seconds from ${min} to ${MAX_SECONDS}`
  return z.int(error).min(min, error).max(MAX_SECONDS, error)
}
