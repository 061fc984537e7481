/**
 * The fleet by HTTP: what the workers are, what they log, and an operator's maintenance switch. Reads and
 * wishes go to the fleet's port; nothing is kept here.
 * Invariant: an operator's decision is on disk before the fleet hears of it and before it is answered.
 */
import { type TaskError, type WorkerView, workerStateSchema } from '@berth/protocol'
import { type Clock, LOG_LEVELS, type Log } from '@berth/runtime'
import { z } from 'zod'
import type { FleetPort, MaintenanceWish } from '../ports/fleet.ts'
import type { KeepPort, StoreWrite } from '../ports/store.ts'
import { type BodyRead, readJsonBody } from './body.ts'
import { cutPage, readQuery } from './lists.ts'
import { problem } from './problem.ts'
import { nameOf, type Route, type RouteContext } from './routes.ts'
import { filterLines } from './worker-lines.ts'

export interface WorkerRouteDeps {
  readonly fleet: FleetPort
  readonly keeper: KeepPort
  readonly clock: Clock
  readonly log: Log
}

const instant = z.iso.datetime({ offset: true, error: 'must be an ISO 8601 instant with a zone' })
const offSchema = z.strictObject({
  reason: z.string().min(1).max(1024).optional(),
  until: instant.optional(),
  deadline: instant.optional(),
})
const onSchema = z.strictObject({})

export function workerRoutes(deps: WorkerRouteDeps): readonly Route[] {
  return [
    { method: 'GET', path: '/workers', policy: 'key', handle: (c) => listWorkers(c, deps) },
    { method: 'GET', path: '/workers/:id', policy: 'key', handle: (c) => showWorker(c, deps) },
    { method: 'GET', path: '/workers/:id/logs', policy: 'key', handle: (c) => readLogs(c, deps) },
    { method: 'POST', path: '/workers/:id/off', policy: 'key', handle: (c) => switchOff(c, deps) },
    { method: 'POST', path: '/workers/:id/on', policy: 'key', handle: (c) => switchOn(c, deps) },
  ]
}

function listWorkers(c: RouteContext, { fleet }: WorkerRouteDeps): Response {
  const query = readQuery(c.req.url, ['group', 'status', 'limit', 'cursor'])
  if (!query.ok) return problem(query.error)
  const { group, status } = query.value
  const states = status?.split(',')
  const unknown = states?.find((state) => !workerStateSchema.safeParse(state).success)
  if (unknown !== undefined) return refuse(`\`status\` knows no "${unknown.slice(0, 64)}".`)
  const isMeant = (worker: WorkerView) =>
    (group === undefined || worker.group === group) && (states?.includes(worker.status) ?? true)
  const page = cutPage(fleet.workers(), query.value, keyOf, isMeant)
  return page.ok ? c.json(page.value) : problem(page.error)
}

/** One that begins to leave goes to the end of the list: a cursor must not follow it there. */
function keyOf({ id, status }: WorkerView): string {
  return status === 'leaving' ? `leaving ${id}` : id
}

function showWorker(c: RouteContext, { fleet }: WorkerRouteDeps): Response {
  const id = idOf(c)
  const worker = fleet.worker(id)
  return worker === undefined ? problem(unknownWorker(id)) : c.json(worker)
}

async function readLogs(c: RouteContext, { fleet }: WorkerRouteDeps): Promise<Response> {
  const query = readQuery(c.req.url, ['level', 'run'])
  if (!query.ok) return problem(query.error)
  const level = LOG_LEVELS.find((known) => known === query.value.level)
  if (query.value.level !== undefined && level === undefined)
    return refuse(`\`level\` must be one of ${LOG_LEVELS.join(', ')}.`)
  const id = idOf(c)
  if (fleet.worker(id) === undefined) return problem(unknownWorker(id))
  const read = await fleet.readLogs(id)
  if (!read.ok) return problem(read.error)
  return c.json({ logs: filterLines(read.logs, { level, run: query.value.run }) })
}

async function switchOff(c: RouteContext, deps: WorkerRouteDeps): Promise<Response> {
  const read = await readJsonBody(c.req.raw, offSchema)
  if (!read.ok) return problem(read.error)
  const wish = toWish(read.value, deps.clock)
  return wish.ok ? carryOut(c, deps, wish.value) : problem(wish.error)
}

async function switchOn(c: RouteContext, deps: WorkerRouteDeps): Promise<Response> {
  const read = await readJsonBody(c.req.raw, onSchema)
  if (!read.ok) return problem(read.error)
  return carryOut(c, deps, { on: false, reason: null, until: null })
}

function toWish(body: z.infer<typeof offSchema>, clock: Clock): BodyRead<MaintenanceWish> {
  if (body.deadline !== undefined)
    return wrongField('/deadline', 'is not supported yet; leave it out, running tasks finish by themselves')
  if (body.until === undefined)
    return { ok: true, value: { on: true, reason: body.reason ?? null, until: null } }
  const untilMs = Date.parse(body.until)
  if (!(untilMs > clock.wallMs())) return wrongField('/until', 'lies in the past')
  const until = new Date(untilMs).toISOString()
  return { ok: true, value: { on: true, reason: body.reason ?? null, until } }
}

/** `wish.on` is maintenance on, which takes the worker out of service. */
async function carryOut(c: RouteContext, deps: WorkerRouteDeps, wish: MaintenanceWish): Promise<Response> {
  const { fleet, keeper, clock, log } = deps
  const id = idOf(c)
  const before = fleet.worker(id)
  if (before === undefined) return problem(unknownWorker(id))
  const writes = writesOf(before, wish, clock)
  const undo = writes.length === 0 ? [] : undoOf(before)
  const kept = await keeper.keep(writes, undo)
  if (!kept.ok) return problem(notKept(id, kept.detail))
  const wished = fleet.setMaintenance(id, wish)
  if (!wished.ok) {
    // It has left, or the file has changed, while the disk was written.
    await keeper.keep(undo)
    return problem(wished.error)
  }
  const { reason, until } = wish
  const by = nameOf(c.get('access'))
  log.info(wish.on ? 'worker put in maintenance' : 'worker put back in service', {
    worker: id,
    reason,
    until,
    by,
  })
  return c.json(wished.worker)
}

/** The decision; nothing where the fleet is going to refuse it. */
function writesOf(before: WorkerView, { on, reason, until }: MaintenanceWish, clock: Clock): StoreWrite[] {
  const { id: worker, maintenance, status } = before
  if (status === 'leaving' || (!on && maintenance?.by === 'file')) return []
  if (!on) return [{ kind: 'intent-cleared', worker }]
  const now = new Date(clock.wallMs()).toISOString()
  const since = (maintenance?.by === 'operator' ? maintenance.since : null) ?? now
  return [{ kind: 'intent-set', intent: { worker, reason, since, until } }]
}

/** What brings back the decision that was in force; none when the file's word hides it. */
function undoOf({ id: worker, maintenance }: WorkerView): readonly StoreWrite[] {
  if (maintenance?.by === 'file') return []
  if (maintenance?.by !== 'operator') return [{ kind: 'intent-cleared', worker }]
  const { reason, since, until } = maintenance
  const intent = { worker, reason, since: since ?? new Date(0).toISOString(), until }
  return [{ kind: 'intent-set', intent }]
}

function idOf(c: RouteContext): string {
  return c.req.param('id') ?? ''
}

function unknownWorker(id: string): TaskError {
  return { code: 'NOT_FOUND', detail: `There is no worker "${id.slice(0, 256)}"; GET /workers lists them.` }
}

function notKept(id: string, reason: string): TaskError {
  const detail = `The decision about "${id}" could not be written to disk, so nothing was changed: ${reason}.`
  return { code: 'STORE_UNAVAILABLE', detail }
}

function wrongField(pointer: string, detail: string): { readonly ok: false; readonly error: TaskError } {
  const errors = [{ pointer, detail }]
  return { ok: false, error: { code: 'INVALID_REQUEST', detail: `\`${pointer}\` ${detail}.`, errors } }
}

function refuse(detail: string): Response {
  return problem({ code: 'INVALID_REQUEST', detail })
}
