/**
 * Schedules by HTTP (CONTRACT §4, Schedules): made, listed, shown, changed, removed and fired by hand. Everything is
 * asked of ports/schedules.ts; the body is read by schedule-body.ts. Invariant: a wrong body changes nothing.
 */
import { SCHEDULE_TYPES, type ScheduleView, type TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import { z } from 'zod'
import type { ActivityNote } from '../ports/activity.ts'
import type { ScheduleFilter, ScheduleFire } from '../ports/schedule-store.ts'
import type { FoundSchedule, SchedulesPort, ShownSchedule } from '../ports/schedules.ts'
import { note } from './activity.ts'
import { type BodyRead, readJsonBody, readJsonBytes } from './body.ts'
import type { Door } from './door.ts'
import { acceptedAnswer, REPLAYED } from './durable-answer.ts'
import type { DurableCalls, OrderHead } from './durable-call.ts'
import { findWrongKeyOf, keyOf } from './ended-run-routes.ts'
import { readLimit, readQuery } from './lists.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import { readRoutedBody } from './routed-body.ts'
import { type Route, type RouteContext, triggerOf } from './routes.ts'
import { mergeSchedule, readPreview, readSchedule, shownTask } from './schedule-body.ts'
import { bodyTooLarge, findWrongHead, isMultipart, readJsonObject, type TaskHead } from './task-call.ts'
import { showTotals } from './usage-totals.ts'

export interface ScheduleRouteDeps {
  readonly clock: Pick<Clock, 'wallMs'>
  readonly schedules: SchedulesPort
  readonly calls: Pick<DurableCalls, 'order'>
  readonly door: Door
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
}

const nothingSchema = z.strictObject({})
const NO_BODY_BYTES = 1_024
const PREVIEW_BYTES = 4_096
const MAX_CALENDAR_HOURS = 168
const CALENDAR_SCHEDULES = 100
const ID = /^s_[0-9a-hjkmnp-tv-z]{26}$/
const EXAMPLE = 'such as {"function": "hello", "type": "cron", "cron": "0 8 * * MON-FRI"}'
const EXAMPLE_CHANGE = 'such as {"enabled": false}'

export function scheduleRoutes(deps: ScheduleRouteDeps): readonly Route[] {
  const { schedules } = deps
  const route = (method: Route['method'], path: string, handle: Route['handle']): Route => {
    return { method, path, policy: method === 'GET' ? 'read' : 'key', handle }
  }
  return [
    route('GET', '/schedules', (c) => list(c, schedules)),
    // Before `/schedules/:id`, of which these would be some.
    route('GET', '/schedules/calendar', (c) => showCalendar(c, deps)),
    {
      method: 'POST',
      path: '/schedules/preview',
      policy: 'read',
      handle: plain((c) => preview(c, schedules)),
    },
    route(
      'POST',
      '/schedules',
      plain((c) => create(c, deps)),
    ),
    route(
      'GET',
      '/schedules/:id',
      plain((c) => show(c, schedules)),
    ),
    route(
      'PATCH',
      '/schedules/:id',
      plain((c) => change(c, deps)),
    ),
    route(
      'DELETE',
      '/schedules/:id',
      plain((c) => remove(c, schedules)),
    ),
    route(
      'POST',
      '/schedules/:id/trigger',
      plain((c) => trigger(c, schedules)),
    ),
  ]
}

async function list(c: RouteContext, schedules: SchedulesPort): Promise<Response> {
  const query = readList(c.req.url)
  if (!query.ok) return problem(query.error)
  const { filter, limit, before } = query.value
  const found = await schedules.list(filter, limit + 1, before)
  const items = found.slice(0, limit).map(toView)
  return c.json({ items, cursor: found.length > limit ? (items.at(-1)?.id ?? null) : null })
}

/** What a time means, before anything is made of it. */
async function preview(c: RouteContext, schedules: SchedulesPort): Promise<Response> {
  const body = await readJsonBody(c.req.raw, z.record(z.string(), z.unknown()), PREVIEW_BYTES)
  if (!body.ok) return problem(body.error)
  const read = readPreview(body.value)
  if (!read.ok) return problem(read.error)
  const previewed = schedules.preview(read.terms, read.count)
  if (!previewed.ok) return problem(previewed.error)
  return c.json({ nextRuns: previewed.instantsMs.map((ms) => new Date(ms).toISOString()) })
}

/** The next hours of all schedules, for a picture. */
async function showCalendar(c: RouteContext, { schedules, clock }: ScheduleRouteDeps): Promise<Response> {
  const query = readQuery(c.req.url, ['hours'])
  if (!query.ok) return problem(query.error)
  const hours = Number(query.value.hours ?? '24')
  if (!(Number.isInteger(hours) && hours >= 1 && hours <= MAX_CALENDAR_HOURS))
    return problem({ code: 'INVALID_REQUEST', detail: '`hours` must be a whole number from 1 to 168.' })
  const fromMs = clock.wallMs()
  const toMs = fromMs + hours * 3_600_000
  const { rows, isCapped } = await schedules.calendar(fromMs, toMs, CALENDAR_SCHEDULES)
  const items = rows.map(({ schedule, instantsMs, isDense }) => ({
    id: schedule.id,
    group: schedule.group,
    function: schedule.function,
    instants: instantsMs.map((ms) => new Date(ms).toISOString()),
    isDense,
  }))
  return c.json({ from: isoOf(fromMs), to: isoOf(toMs), items, isCapped })
}

async function create(c: RouteContext, deps: ScheduleRouteDeps): Promise<Response> {
  const body = await readBody(c, deps, EXAMPLE)
  if (!body.ok) return problem(body.error)
  const { schedules, calls } = deps
  const read = readSchedule(body.value, headOf(c), (...asked) => calls.order(...asked))
  if (!read.ok) return problem(read.error)
  const made = await schedules.create(read.wanted)
  if (!made.ok) return problem(made.error)
  const { id, group, function: name } = made.schedule
  const after = noted(made.schedule)
  noteSchedule(c, id, 'created', `Made a schedule of "${name}" (group "${group}").`, { after })
  return c.json(toWhole(made.schedule), 201, { location: `/schedules/${made.schedule.id}` })
}

async function show(c: RouteContext, schedules: SchedulesPort): Promise<Response> {
  const found = await schedules.find(idOf(c))
  return found ? c.json(toWhole(found)) : problem(unknownSchedule(idOf(c)))
}

async function change(c: RouteContext, deps: ScheduleRouteDeps): Promise<Response> {
  const body = await readBody(c, deps, EXAMPLE_CHANGE)
  if (!body.ok) return problem(body.error)
  const { schedules, calls } = deps
  const head = headOf(c)
  const before = await schedules.find(idOf(c))
  const changed = await schedules.change(idOf(c), (now, payload) =>
    mergeSchedule(body.value, now, payload, head, (...asked) => calls.order(...asked)),
  )
  if (!changed) return problem(unknownSchedule(idOf(c)))
  if (!changed.ok) return problem(changed.error)
  noteChange(c, before, changed.schedule)
  return c.json(toWhole(changed.schedule))
}

async function remove(c: RouteContext, schedules: SchedulesPort): Promise<Response> {
  const found = await schedules.find(idOf(c))
  const removed = await schedules.remove(idOf(c))
  if (!removed) return problem(unknownSchedule(idOf(c)))
  if (!removed.ok) return problem(removed.error)
  const of = found ? ` of "${found.function}" (group "${found.group}")` : ''
  noteSchedule(c, idOf(c), 'deleted', `Deleted the schedule${of}.`, { before: found && noted(found) })
  return new Response(null, { status: 204 })
}

async function trigger(c: RouteContext, schedules: SchedulesPort): Promise<Response> {
  const read = await readJsonBytes(c.req.raw, nothingSchema, NO_BODY_BYTES)
  if (!read.ok) return problem(read.error)
  const wrongKey = findWrongKeyOf(c)
  if (wrongKey) return problem(wrongKey)
  const by = triggerOf(c) ?? 'api'
  const accepted = await schedules.trigger(idOf(c), by, await keyOf(c, read.bytes))
  if (!accepted) return problem(unknownSchedule(idOf(c)))
  if (!accepted.ok) return problem(accepted.error)
  const run = accepted.runs[0] ?? ''
  if (!accepted.isReplay)
    noteSchedule(c, idOf(c), 'triggered', `Had the schedule run now: ${run}.`, { after: { run } })
  const { status, headers, body } = acceptedAnswer(run, accepted.isReplay ? REPLAYED : {})
  return new Response(String(body), { status, headers })
}

async function readBody(
  c: RouteContext,
  { door, bodyLimitBytes }: ScheduleRouteDeps,
  example: string,
): Promise<BodyRead<Readonly<Record<string, unknown>>>> {
  const head = headOf(c)
  if (isMultipart(head)) return { ok: false, error: NO_MULTIPART }
  const wrongHead = findWrongHead(head)
  if (wrongHead) return { ok: false, error: wrongHead }
  const tooLarge = bodyTooLarge(bodyLimitBytes)
  const read = await readRoutedBody(c.req.raw, { limitBytes: bodyLimitBytes, tooLarge, door })
  if (!read.ok) return read
  const object = readJsonObject(read.bytes, `send an object ${example}.`)
  return object.ok ? { ok: true, value: object.value as Readonly<Record<string, unknown>> } : object
}

function headOf(c: RouteContext): TaskHead & OrderHead {
  return {
    contentType: c.req.header('content-type') ?? '',
    contentEncoding: c.req.header('content-encoding'),
    prefer: undefined,
    idempotencyKey: undefined,
    traceparent: undefined,
    wantsEvents: false,
    host: c.req.header('host'),
    forwardedProto: c.req.header('x-forwarded-proto'),
  }
}

const FILTERS = ['group', 'function', 'session', 'type', 'enabled', 'cursor', 'limit'] as const

interface ListQuery {
  readonly filter: ScheduleFilter
  readonly limit: number
  readonly before: string | undefined
}

function readList(url: string): BodyRead<ListQuery> {
  const query = readQuery(url, FILTERS)
  if (!query.ok) return query
  const { group, function: name, session, type, enabled, cursor } = query.value
  const limit = readLimit(query.value)
  if (!limit.ok) return limit
  if (cursor !== undefined && !ID.test(cursor))
    return refuse('`cursor` is none that this list has given; begin again without it.')
  const known = SCHEDULE_TYPES.find((one) => one === type)
  if (type !== undefined && !known) return refuse(`\`type\` must be one of ${SCHEDULE_TYPES.join(', ')}.`)
  if (enabled !== undefined && enabled !== 'true' && enabled !== 'false')
    return refuse('`enabled` must be true or false.')
  const isEnabled = enabled === undefined ? undefined : enabled === 'true'
  const filter = { group, function: name, session, type: known, enabled: isEnabled }
  return { ok: true, value: { filter, limit: limit.value, before: cursor } }
}

/** What of a schedule is kept in the activity: its time and its rules, not its input. */
function noted({ terms, overlap, missed, enabled, group, function: name }: ShownSchedule) {
  return { group, function: name, ...terms, overlap, missed, enabled }
}

function noteChange(c: RouteContext, before: ShownSchedule | undefined, after: ShownSchedule): void {
  const [was, is] = [before && noted(before), noted(after)]
  const isSwitched =
    was !== undefined && JSON.stringify({ ...was, enabled: is.enabled }) === JSON.stringify(is)
  const verb = !isSwitched || was.enabled === is.enabled ? 'changed' : is.enabled ? 'resumed' : 'paused'
  const word = { changed: 'Changed', resumed: 'Resumed', paused: 'Paused' }[verb]
  const summary = `${word} the schedule of "${after.function}" (group "${after.group}").`
  noteSchedule(c, after.id, verb, summary, { before: was, after: is })
}

function noteSchedule(
  c: RouteContext,
  id: string,
  verb: string,
  summary: string,
  states: Pick<ActivityNote, 'before' | 'after'>,
): void {
  note(c, { action: `schedule.${verb}`, target: { kind: 'schedule', id }, summary, ...states })
}

function toView(schedule: ShownSchedule): ScheduleView {
  const { id, group, terms, overlap, missed, enabled, body, upcomingMs, lastMs, lastRun } = schedule
  const task = shownTask(body)
  return {
    id,
    ...terms,
    overlap,
    missed,
    enabled,
    ...task,
    group,
    function: schedule.function,
    priority: priorityOf(schedule),
    nextRunAt: isoOf(schedule.nextMs),
    nextRuns: upcomingMs.map((ms) => new Date(ms).toISOString()),
    lastInstant: isoOf(lastMs),
    lastRun,
    waiting: schedule.waiting,
    counts: schedule.counts,
    createdAt: new Date(schedule.createdMs).toISOString(),
    updatedAt: new Date(schedule.updatedMs).toISOString(),
  }
}

function toWhole(schedule: FoundSchedule): ScheduleView {
  const input: unknown = JSON.parse(Buffer.from(schedule.payload.bytes).toString())
  const history = schedule.fires.map(toFire)
  return { ...toView(schedule), ...showTotals(schedule.totals), input, history }
}

function toFire({ instantMs, atMs, outcome, run, count, detail }: ScheduleFire) {
  const [scheduledFor, at] = [new Date(instantMs).toISOString(), new Date(atMs).toISOString()]
  return { scheduledFor, at, outcome, run, count, reason: detail }
}

/** That which its runs have, though the body may name none. */
function priorityOf({ order }: ShownSchedule): number {
  const { priority }: { priority: number } = JSON.parse(order)
  return priority
}

function isoOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString()
}

function idOf(c: RouteContext): string {
  return c.req.param('id') ?? ''
}

function refuse(detail: string): { readonly ok: false; readonly error: TaskError } {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail } }
}

function unknownSchedule(id: string): TaskError {
  const detail = `There is no schedule "${id.slice(0, 64)}". GET /schedules lists those that there are.`
  return { code: 'NOT_FOUND', detail }
}

const NO_MULTIPART: TaskError = {
  code: 'UNSUPPORTED_MEDIA_TYPE',
  detail: `A schedule is sent as JSON, not multipart: an object ${EXAMPLE}.`,
}
