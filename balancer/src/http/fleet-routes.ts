/**
 * Maintenance for many workers at once: `POST /fleet/off` and `/fleet/on` with a selection (CONTRACT §4).
 * Invariant: a selection that is wrong changes nothing; a right one is kept on disk as one batch, and what a
 * single worker refuses stands at that worker in the answer.
 */
import {
  compileSelector,
  ERRORS,
  firstMismatch,
  nameSchema,
  selectorSchema,
  type WorkerView,
} from '@berth/protocol'
import { z } from 'zod'
import type { MaintenanceWish } from '../ports/fleet.ts'
import { note } from './activity.ts'
import { type BodyRead, readJsonBody } from './body.ts'
import {
  type Carried,
  carryOut,
  inTurn,
  type MaintenanceDeps,
  noteWish,
  ON,
  offFields,
  toOffWish,
  tryOut,
} from './maintenance.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import { nameOf, type Route, type RouteContext } from './routes.ts'
import { wrongField } from './wrong-field.ts'

const BODY_BYTES = 1024 * 1024
const MAX_NAMED = 10_000
/** Workers that an entry of the activity names. */
const MAX_NOTED = 200
/** Up to so many workers, each has an entry of its own as well. */
const MAX_NOTED_EACH = 50

const selectSchema = z.strictObject({
  workers: z.array(z.string().min(1).max(2048)).min(1).max(MAX_NAMED).optional(),
  group: nameSchema.optional(),
  tags: selectorSchema.optional(),
})
const offSchema = z.strictObject({ select: selectSchema, ...offFields })
const onSchema = z.strictObject({ select: selectSchema, reason: offFields.reason })

type Select = z.infer<typeof selectSchema>

export function fleetRoutes(deps: MaintenanceDeps): readonly Route[] {
  return [
    { method: 'POST', path: '/fleet/off', policy: 'key', handle: plain((c) => switchOff(c, deps)) },
    { method: 'POST', path: '/fleet/on', policy: 'key', handle: plain((c) => switchOn(c, deps)) },
  ]
}

async function switchOff(c: RouteContext, deps: MaintenanceDeps): Promise<Response> {
  const read = await readJsonBody(c.req.raw, offSchema, BODY_BYTES)
  if (!read.ok) return problem(read.error)
  const wish = toOffWish(c, read.value, deps.clock)
  if (!wish.ok) return problem(wish.error)
  const { select, dryRun = false } = read.value
  return dryRun
    ? foretell(c, deps, select, wish.value)
    : inTurn(deps, () => apply(c, deps, select, wish.value, wish.value.reason))
}

function foretell(c: RouteContext, deps: MaintenanceDeps, select: Select, wish: MaintenanceWish): Response {
  const found = findSelected(select, deps.fleet.workers())
  return found.ok ? c.json(tryOut(found.value, wish, deps)) : problem(found.error)
}

async function switchOn(c: RouteContext, deps: MaintenanceDeps): Promise<Response> {
  const read = await readJsonBody(c.req.raw, onSchema, BODY_BYTES)
  if (!read.ok) return problem(read.error)
  const { select, reason = null } = read.value
  return inTurn(deps, () => apply(c, deps, select, ON, reason))
}

async function apply(
  c: RouteContext,
  deps: MaintenanceDeps,
  select: Select,
  wish: MaintenanceWish,
  reason: string | null,
): Promise<Response> {
  const workers = deps.fleet.workers()
  const found = findSelected(select, workers)
  if (!found.ok) return problem(found.error)
  const carried = await carryOut(found.value, () => wish, deps, nameOf(c.get('access')))
  if (!carried.ok) return problem(carried.error)
  const items = carried.value.map(itemOf)
  const changed = carried.value.flatMap((one) => (one.ok ? [one.worker] : []))
  const told = { ...wish, reason }
  noteEach(c, told, workers, changed)
  noteMany(
    c,
    select,
    told,
    changed.map(({ id }) => id),
  )
  return c.json({ matched: items.length, changed: changed.length, items })
}

/** So that a worker's own history has it; of many workers the fleet's entry is all, lest it drowns the others. */
function noteEach(
  c: RouteContext,
  wish: MaintenanceWish,
  before: readonly WorkerView[],
  changed: readonly WorkerView[],
): void {
  if (changed.length > MAX_NOTED_EACH) return
  const earlier = new Map(before.map(({ id, maintenance }) => [id, maintenance]))
  for (const { id, maintenance } of changed) noteWish(c, id, wish, earlier.get(id) ?? null, maintenance)
}

/** One entry, with the workers that it touched. */
function noteMany(c: RouteContext, select: Select, wish: MaintenanceWish, workers: readonly string[]): void {
  const id = describeSelect(select)
  const { on, reason, until, deadline = null } = wish
  const many = `${workers.length} ${workers.length === 1 ? 'worker' : 'workers'} (${id})`
  const summary = on ? `Took ${many} out of service.` : `Put ${many} back in service.`
  const after = { on, until, deadline, workers: workers.slice(0, MAX_NOTED) }
  note(c, {
    action: on ? 'fleet.off' : 'fleet.on',
    target: { kind: 'fleet', id },
    summary,
    before: { select },
    after,
    reason,
  })
}

function describeSelect({ workers, group, tags }: Select): string {
  const parts = [
    workers && (workers.length === 1 ? workers[0] : `${workers.length} by name`),
    group && `group ${group}`,
    tags && Object.keys(tags).length > 0 && `tags ${JSON.stringify(tags)}`,
  ]
  return parts.filter((part) => typeof part === 'string').join(', ')
}

/** The ids of all that is asked for holds of, in the order of the fleet. */
function findSelected(select: Select, workers: readonly WorkerView[]): BodyRead<readonly string[]> {
  const { workers: named, group, tags } = select
  const selector = compileSelector(tags)
  if (named === undefined && group === undefined && selector.rules.length === 0)
    return wrongField('/select', 'must name `workers`, a `group` or `tags`')
  const known = new Set(workers.map(({ id }) => id))
  const unknownAt = named?.findIndex((id) => !known.has(id)) ?? -1
  if (unknownAt >= 0)
    return wrongField(`/select/workers/${unknownAt}`, 'is no worker; GET /workers lists them')
  const wanted = named && new Set(named)
  const isMeant = (worker: WorkerView) =>
    (wanted?.has(worker.id) ?? worker.status !== 'leaving') &&
    (group === undefined || worker.group === group) &&
    firstMismatch(selector, worker.tags) === undefined
  return { ok: true, value: workers.filter(isMeant).map(({ id }) => id) }
}

function itemOf(carried: Carried) {
  const { id } = carried
  if (carried.ok) return { id, status: 200 }
  const { code, detail } = carried.error
  return { id, status: ERRORS[code].status, code, detail }
}
