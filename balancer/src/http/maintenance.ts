/**
 * Carries an operator's maintenance out, for one worker or many: the body's shape, the promise on disk, the
 * fleet's word. Used by the routes of workers, drains and the fleet.
 * Invariants: a decision is on disk before the fleet hears of it and before it is answered; what cannot be
 * kept changes nothing at all; decisions are made one after another, each of what the last one left.
 */
import { ERRORS, instantSchema, type TaskError, type WorkerView } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import { z } from 'zod'
import type { FleetPort, MaintenanceWish } from '../ports/fleet.ts'
import type { KeepPort, MaintenanceIntent, StoreWrite } from '../ports/store.ts'
import { note, reasonOf } from './activity.ts'
import type { BodyRead } from './body.ts'
import { effectOf } from './maintenance-effect.ts'
import { problem } from './problem.ts'
import { reasonText } from './reason.ts'
import { nameOf, type RouteContext } from './routes.ts'
import { LINE_FULL, type Turns } from './turns.ts'
import { wrongField } from './wrong-field.ts'

export interface MaintenanceDeps {
  readonly fleet: FleetPort
  readonly keeper: KeepPort
  readonly clock: Clock
  readonly log: Log
  /** One line for all decisions about maintenance. */
  readonly turns: Turns
}

/** What became of a wish at one worker. */
export type Carried =
  | { readonly id: string; readonly ok: true; readonly worker: WorkerView }
  | { readonly id: string; readonly ok: false; readonly error: TaskError }

/** The fields of a body that puts workers away. */
export const offFields = {
  reason: reasonText(1024).min(1).optional(),
  until: instantSchema.optional(),
  deadline: instantSchema.optional(),
  /** Says what it would do, and does nothing. */
  dryRun: z.boolean().optional(),
}
const offSchema = z.object(offFields)

export const ON: MaintenanceWish = { on: false, reason: null, until: null }

/** The wish of a body that puts workers away; without a reason that of the header. An instant that has passed is wrong. */
export function toOffWish(
  c: RouteContext,
  body: z.infer<typeof offSchema>,
  clock: Clock,
): BodyRead<MaintenanceWish> {
  const until = toUtc(body.until)
  const deadline = toUtc(body.deadline)
  const now = clock.wallMs()
  if (until !== null && !(Date.parse(until) > now)) return wrongField('/until', 'lies in the past')
  if (deadline !== null && !(Date.parse(deadline) > now)) return wrongField('/deadline', 'lies in the past')
  const reason = body.reason ?? reasonOf(c)
  return { ok: true, value: { on: true, reason, until, deadline, by: nameOf(c.get('access')) } }
}

/** What carrying a wish out would do, worker by worker and to the fleet; nothing changes. */
export function tryOut(ids: readonly string[], wish: MaintenanceWish, { fleet }: MaintenanceDeps) {
  const items = ids.map((id) => {
    const plan = fleet.planMaintenance(id, wish)
    if (plan.ok) return { id, status: 200 }
    return { id, status: ERRORS[plan.error.code].status, code: plan.error.code, detail: plan.error.detail }
  })
  const meant = items.flatMap(({ id, status }) => (status === 200 ? [id] : []))
  const effect = effectOf(meant, wish.deadline ?? null, fleet)
  return { dryRun: true, matched: items.length, changed: meant.length, items, effect }
}

/** Decides and carries out at its turn: what `decide` reads is not about to be changed by somebody else. */
export async function inTurn(
  { turns }: MaintenanceDeps,
  decide: () => Response | Promise<Response>,
): Promise<Response> {
  return (await turns.take(decide)) ?? problem(LINE_FULL)
}

/** Called at its turn only. Fails as a whole only when nothing could be kept; what a worker refuses stands at that worker. */
export async function carryOut(
  ids: readonly string[],
  toWish: (id: string) => MaintenanceWish,
  { fleet, keeper, log }: MaintenanceDeps,
  by: string,
): Promise<BodyRead<readonly Carried[]>> {
  const plans = ids.map((id) => ({ id, wish: toWish(id), plan: fleet.planMaintenance(id, toWish(id)) }))
  const undo = plans.flatMap(({ plan }) => (plan.ok ? plan.undo : []))
  const kept = await keeper.keep(
    plans.flatMap(({ plan }) => (plan.ok ? plan.writes : [])),
    undo,
  )
  if (!kept.ok) return { ok: false, error: notKept(ids, kept.detail) }
  const late: StoreWrite[] = []
  const carried = plans.map(({ id, wish, plan }): Carried => {
    if (!plan.ok) return { id, ok: false, error: plan.error }
    const wished = fleet.setMaintenance(id, wish)
    // It has left, or the file has changed, while the disk was written.
    if (!wished.ok) late.push(toWrite(id, fleet.intent(id)))
    else logWish(log, id, wish, by)
    return { id, ...wished }
  })
  if (late.length > 0) await keeper.keep(late)
  return { ok: true, value: carried }
}

function toWrite(worker: string, intent: MaintenanceIntent | undefined): StoreWrite {
  return intent ? { kind: 'intent-set', intent } : { kind: 'intent-cleared', worker }
}

export function unknownWorker(id: string): TaskError {
  return { code: 'NOT_FOUND', detail: `There is no worker "${id.slice(0, 256)}"; GET /workers lists them.` }
}

function logWish(
  log: Log,
  worker: string,
  { on, reason, until, deadline }: MaintenanceWish,
  by: string,
): void {
  if (!on) log.info('worker put back in service', { worker, by })
  else log.info('worker put in maintenance', { worker, reason, until, deadline, by })
}

/** What an operator did to one worker, or wants of it; `before` is how it was. */
export function noteWish(
  c: RouteContext,
  id: string,
  wish: MaintenanceWish,
  before: WorkerView['maintenance'],
  after: WorkerView['maintenance'],
): void {
  const { on, reason, deadline = null } = wish
  const summary = on
    ? `Took "${id}" out of service${deadline === null ? '' : `, with a deadline at ${deadline}`}.`
    : `Put "${id}" back in service.`
  const target = { kind: 'worker', id } as const
  note(c, { action: on ? 'worker.off' : 'worker.on', target, summary, before, after, reason })
}

function toUtc(text: string | undefined): string | null {
  return text === undefined ? null : new Date(Date.parse(text)).toISOString()
}

function notKept(ids: readonly string[], reason: string): TaskError {
  const whom = ids.length === 1 ? `"${ids[0]}"` : `${ids.length} workers`
  const detail = `The decision about ${whom} could not be written to disk, so nothing was changed: ${reason}.`
  return { code: 'STORE_UNAVAILABLE', detail }
}
