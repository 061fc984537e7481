/**
 * A run that has ended, by HTTP (CONTRACT §4, Runs): begun again as a new run, or forgotten. Everything is asked of
 * ports/runs.ts. Invariant: an input that is named is held against the function's schema like that of a new task.
 */
import { prioritySchema, type TaskError } from '@berth/protocol'
import { z } from 'zod'
import type { BegunRun, EndedRunsPort, InputCheckPort, KeyUse, RunsPort } from '../ports/runs.ts'
import { readJsonBytes } from './body.ts'
import { REPLAYED } from './durable-answer.ts'
import { wrongInput } from './durable-call.ts'
import { useKey } from './durable-key.ts'
import { findWrongKey } from './durable-wish.ts'
import { placeFiles, requestOrigin } from './file-address.ts'
import { findHugeNumber } from './huge-number.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import { type Route, type RouteContext, triggerOf } from './routes.ts'
import { noteRun, unknownRun } from './run-routes.ts'

export interface EndedRunRouteDeps {
  readonly runs: Pick<RunsPort, 'find'>
  readonly ended: EndedRunsPort
  readonly inputs: InputCheckPort
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
}

export const inputSchema = z.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object',
)

const retrySchema = z.strictObject({
  input: inputSchema.optional(),
  priority: prioritySchema.optional(),
})

export function endedRunRoutes(deps: EndedRunRouteDeps): readonly Route[] {
  return [
    { method: 'POST', path: '/runs/:id/retry', policy: 'key', handle: plain((c) => retryRun(c, deps)) },
    { method: 'DELETE', path: '/runs/:id', policy: 'key', handle: plain((c) => removeRun(c, deps)) },
  ]
}

async function retryRun(c: RouteContext, deps: EndedRunRouteDeps): Promise<Response> {
  const { ended, bodyLimitBytes } = deps
  const id = idOf(c)
  const read = await readJsonBytes(c.req.raw, retrySchema, bodyLimitBytes)
  if (!read.ok) return problem(read.error)
  const { input, priority } = read.value
  const wrong = findWrongKeyOf(c) ?? (input && (await findWrongInput(id, input, deps)))
  if (wrong) return problem(wrong)
  const trigger = triggerOf(c) ?? 'api'
  const begun = await ended.retry(id, { input, priority, trigger }, await keyOf(c, read.bytes))
  if (begun === undefined) return problem(unknownRun(id))
  if (!begun.ok) return problem(begun.error)
  const after = {
    run: begun.run.id,
    ...(priority === undefined ? {} : { priority }),
    hasOtherInput: input !== undefined,
  }
  if (!begun.isReplay) noteRun(c, id, 'retried', `Began ${id} again, as ${begun.run.id}.`, { after })
  return answerBegun(c, begun)
}

/** What is wrong with the `Idempotency-Key` of a call, if it has one. */
export function findWrongKeyOf(c: RouteContext): TaskError | undefined {
  const key = c.req.header('idempotency-key')
  return key === undefined ? undefined : findWrongKey(key)
}

/** It begins one run after another run, in the scope of the call's address. */
export async function keyOf(c: RouteContext, bytes: Uint8Array): Promise<KeyUse | undefined> {
  const key = c.req.header('idempotency-key')
  if (key === undefined) return undefined
  return useKey({ key, route: c.req.path, query: '', bytes, isAsync: true })
}

/** 202 for a new run that began with an earlier one. */
export function answerBegun(c: RouteContext, { run, isReplay }: Extract<BegunRun, { ok: true }>): Response {
  const location = `/runs/${run.id}`
  const message = `Accepted: the run is on disk; GET ${location} tells how it goes.`
  const headers = { location, 'x-run-id': run.id, ...(isReplay ? REPLAYED : {}) }
  const shown = placeFiles(run, requestOrigin(c))
  return c.json({ success: true, runId: run.id, message, ...shown }, 202, headers)
}

/** What the function of a run is sure to refuse of another input. */
export async function findWrongInput(
  id: string,
  input: object,
  { runs, inputs }: Pick<EndedRunRouteDeps, 'runs' | 'inputs'>,
): Promise<TaskError | undefined> {
  const huge = findHugeNumber(input)
  if (huge.length > 0) return wrongInput(huge, '/input')
  const run = await runs.find(id)
  if (!run) return undefined
  const { group, function: called, contract } = run
  const wrong = inputs.check({ group, function: called, contract: contract ?? undefined }, input)
  return wrong.length === 0 ? undefined : wrongInput(wrong, '/input')
}

async function removeRun(c: RouteContext, { ended }: EndedRunRouteDeps): Promise<Response> {
  const id = idOf(c)
  const removed = await ended.remove(id)
  if (removed === undefined) return problem(unknownRun(id))
  if (!removed.ok) return problem(removed.error)
  noteRun(c, id, 'deleted', `Deleted ${id}.`)
  return new Response(null, { status: 204 })
}

function idOf(c: RouteContext): string {
  return c.req.param('id') ?? ''
}
