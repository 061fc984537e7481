/**
 * Runs by HTTP (CONTRACT §4, Runs and Operating): lists, one run, waiting for it, cancelling it, its
 * priority, why it is where it is, and where a task would go. Everything is asked of ports/runs.ts.
 * Invariant: a page begins behind the id that its cursor names, and ids sort by acceptance, so that
 * nothing comes twice however many runs come and go between two pages.
 */
import { prioritySchema, type RunView, type TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import { z } from 'zod'
import type { ActivityNote } from '../ports/activity.ts'
import type { RunsPort } from '../ports/runs.ts'
import { note } from './activity.ts'
import { readJsonBody } from './body.ts'
import type { Door } from './door.ts'
import { placeFiles, requestOrigin } from './file-address.ts'
import { readQuery } from './lists.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import { readRoutedBody } from './routed-body.ts'
import type { Route, RouteContext } from './routes.ts'
import { RunExports, toItem } from './run-export.ts'
import { readRunList, readWait } from './run-query.ts'
import { RunSummaries } from './run-summary.ts'
import { bodyTooLarge, readTask } from './task-call.ts'
import type { Tasks } from './tasks.ts'

export interface RunRouteDeps {
  readonly runs: RunsPort
  readonly tasks: Pick<Tasks, 'draft'>
  readonly door: Door
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
  readonly clock: Clock
}

const patchSchema = z.strictObject({ priority: prioritySchema })
const nothingSchema = z.strictObject({})

export function runRoutes(deps: RunRouteDeps): readonly Route[] {
  const { runs } = deps
  const exports = new RunExports({ runs })
  const summaries = new RunSummaries(deps)
  return [
    { method: 'GET', path: '/runs', policy: 'read', handle: (c) => listRuns(c, runs, exports) },
    // Before `/runs/:id`, of which it would be one.
    { method: 'GET', path: '/runs/summary', policy: 'read', handle: (c) => summaries.answer(c) },
    { method: 'GET', path: '/runs/:id', policy: 'read', handle: (c) => showRun(c, runs) },
    { method: 'PATCH', path: '/runs/:id', policy: 'key', handle: plain((c) => changeRun(c, runs)) },
    { method: 'POST', path: '/runs/:id/cancel', policy: 'key', handle: plain((c) => cancelRun(c, runs)) },
    { method: 'GET', path: '/runs/:id/explain', policy: 'read', handle: (c) => explainRun(c, runs) },
    { method: 'POST', path: '/explain', policy: 'read', handle: (c) => explainTask(c, deps) },
  ]
}

async function listRuns(c: RouteContext, runs: RunsPort, exports: RunExports): Promise<Response> {
  const query = readRunList(c.req.url)
  if (!query.ok) return problem(query.error)
  const { filter, limit, before } = query.value
  if (c.req.header('accept')?.includes('application/x-ndjson'))
    return exports.answer(filter, before, c.env?.outgoing, requestOrigin(c))
  const found = await runs.list(filter, limit + 1, before)
  const origin = requestOrigin(c)
  const items = found.slice(0, limit).map((run) => placeFiles(toItem(run), origin))
  return c.json({ items, cursor: found.length > limit ? (items.at(-1)?.id ?? null) : null })
}

async function showRun(c: RouteContext, runs: RunsPort): Promise<Response> {
  const wait = readWait(c.req.url)
  if (!wait.ok) return problem(wait.error)
  const id = idOf(c)
  const found = await runs.waitFor(id, wait.value, c.req.raw.signal)
  if (found === undefined) return problem(unknownRun(id))
  return found.ok ? c.json(placeFiles(found.run, requestOrigin(c))) : problem(found.error)
}

async function changeRun(c: RouteContext, runs: RunsPort): Promise<Response> {
  const read = await readJsonBody(c.req.raw, patchSchema)
  if (!read.ok) return problem(read.error)
  const id = idOf(c)
  const { priority } = read.value
  const changed = await runs.reprioritise(id, priority)
  if (changed === undefined) return problem(unknownRun(id))
  if (!changed.ok) return problem(changed.error)
  noteRun(c, id, 'reprioritised', `Gave ${id} the priority ${priority}.`, { after: { priority } })
  return c.json(placeFiles(changed.run, requestOrigin(c)))
}

async function cancelRun(c: RouteContext, runs: RunsPort): Promise<Response> {
  const read = await readJsonBody(c.req.raw, nothingSchema)
  if (!read.ok) return problem(read.error)
  const id = idOf(c)
  const changed = await runs.cancel(id)
  if (changed === undefined) return problem(unknownRun(id))
  if (!changed.ok) return problem(changed.error)
  noteRun(c, id, 'cancelled', wordCancel(changed.run), { after: { status: changed.run.status } })
  return c.json(placeFiles(changed.run, requestOrigin(c)))
}

async function explainRun(c: RouteContext, runs: RunsPort): Promise<Response> {
  const query = readQuery(c.req.url, [])
  if (!query.ok) return problem(query.error)
  const id = idOf(c)
  const explained = await runs.explain(id)
  return explained === undefined ? problem(unknownRun(id)) : c.json(explained)
}

async function explainTask(c: RouteContext, deps: RunRouteDeps): Promise<Response> {
  const { runs, tasks, door, bodyLimitBytes } = deps
  const query = readQuery(c.req.url, [])
  if (!query.ok) return problem(query.error)
  const tooLarge = bodyTooLarge(bodyLimitBytes)
  const read = await readRoutedBody(c.req.raw, { limitBytes: bodyLimitBytes, tooLarge, door })
  if (!read.ok) return problem(read.error)
  const task = readTask(headOf(c), read.bytes)
  if (!task.ok) return problem(task.error)
  return c.json(await runs.explainTask(tasks.draft(task.body, task.payload)))
}

function headOf(c: RouteContext): Parameters<typeof readTask>[0] {
  return {
    contentType: c.req.header('content-type') ?? '',
    contentEncoding: c.req.header('content-encoding'),
    prefer: undefined,
    idempotencyKey: undefined,
    traceparent: undefined,
    wantsEvents: false,
  }
}

/** It may have ended before. */
function wordCancel({ id, status }: RunView): string {
  const hasEnded = status === 'completed' || status === 'failed' || status === 'expired'
  return hasEnded ? `Asked to cancel ${id}, which had ended already (${status}).` : `Cancelled ${id}.`
}

/** What an operator did to one run. */
export function noteRun(
  c: RouteContext,
  id: string,
  verb: string,
  summary: string,
  more: Pick<ActivityNote, 'before' | 'after'> = {},
): void {
  note(c, { action: `run.${verb}`, target: { kind: 'run', id }, summary, ...more })
}

function idOf(c: RouteContext): string {
  return c.req.param('id') ?? ''
}

export function unknownRun(id: string): TaskError {
  return {
    code: 'NOT_FOUND',
    detail: `There is no run "${id.slice(0, 64)}". Tasks in memory are remembered from a sample after their end; GET /runs lists what is known.`,
  }
}
