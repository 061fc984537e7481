/**
 * `POST /runs/{id}/continue`: another turn after a run (CONTRACT §4, Runs). Asked of ports/runs.ts.
 * Invariant: an input is held against the function's schema like that of a new task, and one key begins one turn.
 */
import { z } from 'zod'
import type { ContinueRunsPort } from '../ports/runs.ts'
import { readJsonBytes } from './body.ts'
import {
  answerBegun,
  type EndedRunRouteDeps,
  findWrongInput,
  findWrongKeyOf,
  inputSchema,
  keyOf,
} from './ended-run-routes.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import { type Route, type RouteContext, triggerOf } from './routes.ts'
import { noteRun, unknownRun } from './run-routes.ts'
import { isTrace } from './task-call.ts'

export interface ContinueRouteDeps extends Omit<EndedRunRouteDeps, 'ended'> {
  readonly continued: ContinueRunsPort
}

const continueSchema = z.strictObject({ input: inputSchema.optional() })

export function continueRoutes(deps: ContinueRouteDeps): readonly Route[] {
  const handle = plain((c) => continueRun(c, deps))
  return [{ method: 'POST', path: '/runs/:id/continue', policy: 'key', handle }]
}

async function continueRun(c: RouteContext, deps: ContinueRouteDeps): Promise<Response> {
  const { continued, bodyLimitBytes } = deps
  const id = c.req.param('id') ?? ''
  const read = await readJsonBytes(c.req.raw, continueSchema, bodyLimitBytes)
  if (!read.ok) return problem(read.error)
  const { input = {} } = read.value
  const wrong = findWrongKeyOf(c) ?? (await findWrongInput(id, input, deps))
  if (wrong) return problem(wrong)
  const trigger = triggerOf(c) ?? 'api'
  const given = c.req.header('traceparent')
  const trace = isTrace(given) ? given : ''
  const begun = await continued.continue(id, { input, trigger, trace }, await keyOf(c, read.bytes))
  if (begun === undefined) return problem(unknownRun(id))
  if (!begun.ok) return problem(begun.error)
  if (!begun.isReplay)
    noteRun(c, id, 'continued', `Began another turn after ${id}: ${begun.run.id}.`, {
      after: { run: begun.run.id },
    })
  return answerBegun(c, begun)
}
