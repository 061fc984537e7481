/**
 * A worker's drain by HTTP: how far it is, stopping it, ending it at once (CONTRACT §4, Fleet). A drain is
 * an operator's maintenance with a deadline; it begins with `POST /workers/{id}/off`.
 * Invariant: stopping a drain takes the deadline away and nothing else: the worker stays in maintenance.
 */
import type { TaskError, WorkerView } from '@berth/protocol'
import { z } from 'zod'
import type { MaintenanceIntent } from '../ports/store.ts'
import { note } from './activity.ts'
import { readJsonBody } from './body.ts'
import { carryOut, inTurn, type MaintenanceDeps, unknownWorker } from './maintenance.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import { nameOf, type Route, type RouteContext } from './routes.ts'

export function drainRoutes(deps: MaintenanceDeps): readonly Route[] {
  const path = '/workers/:id/drain'
  return [
    { method: 'GET', path, policy: 'read', handle: plain((c) => showDrain(c, deps)) },
    { method: 'DELETE', path, policy: 'key', handle: plain((c) => inTurn(deps, () => stopDrain(c, deps))) },
    { method: 'POST', path: `${path}/force`, policy: 'key', handle: plain((c) => forceDrain(c, deps)) },
  ]
}

function showDrain(c: RouteContext, { fleet }: MaintenanceDeps): Response {
  const id = idOf(c)
  const drain = fleet.drain(id)
  return drain === undefined ? problem(unknownWorker(id)) : c.json(drain)
}

/** Idempotent: a worker without a deadline has none afterwards either. */
function stopDrain(c: RouteContext, deps: MaintenanceDeps): Response | Promise<Response> {
  const intent = deps.fleet.intent(idOf(c))
  return intent?.deadline == null ? showDrain(c, deps) : setDeadline(c, deps, intent, null)
}

/** The deadline is now: kept like any other, so that a restart of the balancer does not forget it. */
async function forceDrain(c: RouteContext, deps: MaintenanceDeps): Promise<Response> {
  const read = await readJsonBody(c.req.raw, z.strictObject({}))
  return read.ok ? inTurn(deps, () => forceNow(c, deps)) : problem(read.error)
}

function forceNow(c: RouteContext, deps: MaintenanceDeps): Response | Promise<Response> {
  const { fleet, clock } = deps
  const id = idOf(c)
  const worker = fleet.worker(id)
  if (worker === undefined) return problem(unknownWorker(id))
  const intent = fleet.intent(id)
  if (intent !== undefined && worker.status !== 'leaving')
    return setDeadline(c, deps, intent, new Date(clock.wallMs()).toISOString())
  if (worker.maintenance === null && worker.status !== 'leaving') return problem(inService(worker))
  fleet.empty(id)
  noteDrain(c, '')
  return showDrain(c, deps)
}

async function setDeadline(
  c: RouteContext,
  deps: MaintenanceDeps,
  { reason, until, by }: MaintenanceIntent,
  deadline: string | null,
): Promise<Response> {
  const wish = { on: true, reason, until, deadline, by }
  const carried = await carryOut([idOf(c)], () => wish, deps, nameOf(c.get('access')))
  if (!carried.ok) return problem(carried.error)
  const [result] = carried.value
  if (result && !result.ok) return problem(result.error)
  noteDrain(c, deadline)
  return showDrain(c, deps)
}

/** Null: it was stopped. */
function noteDrain(c: RouteContext, deadline: string | null): void {
  const id = idOf(c)
  const target = { kind: 'worker', id } as const
  if (deadline === null)
    note(c, {
      action: 'drain.stopped',
      target,
      summary: `Stopped the drain of "${id}"; it stays in maintenance.`,
    })
  else note(c, { action: 'drain.forced', target, summary: `Ended at once what "${id}" still ran.` })
}

function idOf(c: RouteContext): string {
  return c.req.param('id') ?? ''
}

function inService({ id }: WorkerView): TaskError {
  const detail = `"${id}" is not in maintenance: take it out of service first, with POST /workers/${encodeURIComponent(id)}/off.`
  return { code: 'CONFLICT', detail }
}
