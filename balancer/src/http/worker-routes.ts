/**
 * The fleet by HTTP: what the workers are, what they log, and an operator's maintenance switch. Reads and
 * wishes go to the fleet's port; nothing is kept here.
 */
import { type TaskError, type WorkerView, workerStateSchema } from '@berth/protocol'
import { type Clock, LOG_LEVELS, type Log } from '@berth/runtime'
import { z } from 'zod'
import type { FleetPort, MaintenanceWish } from '../ports/fleet.ts'
import { type BodyRead, readJsonBody } from './body.ts'
import { cutPage, readQuery } from './lists.ts'
import { problem } from './problem.ts'
import { nameOf, type Route, type RouteContext } from './routes.ts'
import { filterLines } from './worker-lines.ts'

export interface WorkerRouteDeps {
  readonly fleet: FleetPort
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
  const page = cutPage(fleet.workers().filter(isMeant), query.value, (worker) => worker.id)
  return page.ok ? c.json(page.value) : problem(page.error)
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
function carryOut(c: RouteContext, { fleet, log }: WorkerRouteDeps, wish: MaintenanceWish): Response {
  const id = idOf(c)
  if (fleet.worker(id) === undefined) return problem(unknownWorker(id))
  const wished = fleet.setMaintenance(id, wish)
  if (!wished.ok) return problem(wished.error)
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

function idOf(c: RouteContext): string {
  return c.req.param('id') ?? ''
}

function unknownWorker(id: string): TaskError {
  return { code: 'NOT_FOUND', detail: `There is no worker "${id.slice(0, 256)}"; GET /workers lists them.` }
}

function wrongField(pointer: string, detail: string): { readonly ok: false; readonly error: TaskError } {
  const errors = [{ pointer, detail }]
  return { ok: false, error: { code: 'INVALID_REQUEST', detail: `\`${pointer}\` ${detail}.`, errors } }
}

function refuse(detail: string): Response {
  return problem({ code: 'INVALID_REQUEST', detail })
}
