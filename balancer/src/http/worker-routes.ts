/**
 * The fleet by HTTP: what the workers are, what they log, and an operator's maintenance switch. Reads and
 * wishes go to the fleet's port; nothing is kept here.
 */
import { type WorkerView, workerStateSchema } from '@berth/protocol'
import { LOG_LEVELS } from '@berth/runtime'
import { z } from 'zod'
import type { MaintenanceWish } from '../ports/fleet.ts'
import { readJsonBody } from './body.ts'
import { cutPage, readQuery } from './lists.ts'
import {
  carryOut,
  inTurn,
  type MaintenanceDeps,
  noteWish,
  ON,
  offFields,
  toOffWish,
  tryOut,
  unknownWorker,
} from './maintenance.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import { nameOf, type Route, type RouteContext } from './routes.ts'
import { filterLines } from './worker-lines.ts'

const offSchema = z.strictObject(offFields)
const onSchema = z.strictObject({})

export function workerRoutes(deps: MaintenanceDeps): readonly Route[] {
  return [
    { method: 'GET', path: '/workers', policy: 'read', handle: (c) => listWorkers(c, deps) },
    { method: 'GET', path: '/workers/:id', policy: 'read', handle: plain((c) => showWorker(c, deps)) },
    { method: 'GET', path: '/workers/:id/logs', policy: 'read', handle: (c) => readLogs(c, deps) },
    { method: 'POST', path: '/workers/:id/off', policy: 'key', handle: plain((c) => switchOff(c, deps)) },
    { method: 'POST', path: '/workers/:id/on', policy: 'key', handle: plain((c) => switchOn(c, deps)) },
  ]
}

function listWorkers(c: RouteContext, { fleet }: MaintenanceDeps): Response {
  const query = readQuery(c.req.url, ['group', 'status', 'limit', 'cursor'])
  if (!query.ok) return problem(query.error)
  const { group, status } = query.value
  const states = status?.split(',')
  const unknown = states?.find((state) => !workerStateSchema.safeParse(state).success)
  if (unknown !== undefined)
    return refuse(
      `\`status\` knows no "${unknown.slice(0, 64)}"; known are ${workerStateSchema.options.join(', ')}.`,
    )
  const isMeant = (worker: WorkerView) =>
    (group === undefined || worker.group === group) && (states?.includes(worker.status) ?? true)
  const page = cutPage(fleet.workers(), query.value, keyOf, isMeant)
  return page.ok ? c.json(page.value) : problem(page.error)
}

/** One that begins to leave goes to the end of the list: a cursor must not follow it there. */
function keyOf({ id, status }: WorkerView): string {
  return status === 'leaving' ? `leaving ${id}` : id
}

function showWorker(c: RouteContext, { fleet }: MaintenanceDeps): Response {
  const id = idOf(c)
  const worker = fleet.detail(id)
  return worker === undefined ? problem(unknownWorker(id)) : c.json(worker)
}

async function readLogs(c: RouteContext, { fleet }: MaintenanceDeps): Promise<Response> {
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

async function switchOff(c: RouteContext, deps: MaintenanceDeps): Promise<Response> {
  const read = await readJsonBody(c.req.raw, offSchema)
  if (!read.ok) return problem(read.error)
  const wish = toOffWish(c, read.value, deps.clock)
  if (!wish.ok) return problem(wish.error)
  return read.value.dryRun
    ? foretell(c, deps, wish.value)
    : inTurn(deps, () => carryOutOne(c, deps, wish.value))
}

function foretell(c: RouteContext, deps: MaintenanceDeps, wish: MaintenanceWish): Response {
  const id = idOf(c)
  const isKnown = deps.fleet.worker(id) !== undefined
  return isKnown ? c.json(tryOut([id], wish, deps)) : problem(unknownWorker(id))
}

async function switchOn(c: RouteContext, deps: MaintenanceDeps): Promise<Response> {
  const read = await readJsonBody(c.req.raw, onSchema)
  if (!read.ok) return problem(read.error)
  return inTurn(deps, () => carryOutOne(c, deps, ON))
}

async function carryOutOne(c: RouteContext, deps: MaintenanceDeps, wish: MaintenanceWish): Promise<Response> {
  const id = idOf(c)
  const before = deps.fleet.worker(id)
  if (before === undefined) return problem(unknownWorker(id))
  const carried = await carryOut([id], () => wish, deps, nameOf(c.get('access')))
  if (!carried.ok) return problem(carried.error)
  const [result] = carried.value
  if (!result?.ok) return problem(result?.error ?? unknownWorker(id))
  noteWish(c, id, wish, before.maintenance, result.worker.maintenance)
  return c.json(result.worker)
}

function idOf(c: RouteContext): string {
  return c.req.param('id') ?? ''
}

function refuse(detail: string): Response {
  return problem({ code: 'INVALID_REQUEST', detail })
}
