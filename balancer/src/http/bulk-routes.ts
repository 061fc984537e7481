/**
 * One action on many runs, by HTTP (CONTRACT §4, Operating): counted, begun, looked at, stopped. Everything is asked
 * of ports/runs.ts. Invariant: a filter that says nothing, or says what cannot be meant, touches no run.
 */
import { BULK_ACTIONS, instantSchema, RUN_STATUSES, type RunStatus, type TaskError } from '@berth/protocol'
import { soughtWords } from '@berth/runtime'
import { z } from 'zod'
import type { RunFilter } from '../ports/run-filter.ts'
import type { RunParts } from '../ports/run-reads.ts'
import type { BulkPort } from '../ports/runs.ts'
import { note } from './activity.ts'
import { readJsonBody } from './body.ts'
import { instantMs, isReversed } from './instant-range.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'

/** Longest text that is searched for, as of a list. */
const MAX_WORDS = 256

const text = z.string().min(1).max(MAX_WORDS).optional()
/** A list takes one of no words for none at all, and shows every run: nobody means that of a DELETE. */
const words = text.refine((q) => q === undefined || soughtWords(q).length > 0, {
  error: 'must have a letter or a digit; without a word it would not say which runs are meant',
})
const statusError = `must be one or several of ${RUN_STATUSES.join(', ')}`
/** As in the query of a list, or as a list. */
const statuses = z
  .union([z.string(), z.array(z.string()).min(1).max(RUN_STATUSES.length)], statusError)
  .transform((given) => (typeof given === 'string' ? given.split(',') : given))
  .refine((given): given is RunStatus[] => given.every(isStatus), statusError)
  .optional()

const filterSchema = z
  .strictObject({
    status: statuses,
    function: text,
    group: text,
    session: text,
    schedule: text,
    parent: text,
    worker: text,
    error: text,
    q: words,
    from: instantSchema.optional(),
    to: instantSchema.optional(),
  })
  .refine((filter) => Object.values(filter).some((value) => value !== undefined), {
    error: 'must say which runs are meant; an empty filter would mean all of them',
  })
  .refine(({ from, to }) => !isReversed(instantMs(from), instantMs(to)), {
    path: ['from'],
    error: 'must not be after `to`',
  })

const bulkSchema = z.strictObject({
  action: z.enum(BULK_ACTIONS),
  filter: filterSchema,
  dryRun: z.boolean().optional(),
})

export function bulkRoutes(bulk: BulkPort): readonly Route[] {
  return [
    { method: 'POST', path: '/bulk', policy: 'key', handle: plain((c) => begin(c, bulk)) },
    {
      method: 'GET',
      path: '/bulk/:id',
      policy: 'read',
      handle: plain((c) => show(c, (id) => bulk.find(id))),
    },
    {
      method: 'DELETE',
      path: '/bulk/:id',
      policy: 'key',
      handle: plain((c) => stop(c, bulk)),
    },
  ]
}

async function begin(c: RouteContext, bulk: BulkPort): Promise<Response> {
  const read = await readJsonBody(c.req.raw, bulkSchema)
  if (!read.ok) return problem(read.error)
  const { action, dryRun } = read.value
  const filter = toFilter(read.value.filter)
  if (dryRun === true) return c.json(preview(await bulk.preview(action, filter)))
  const begun = await bulk.begin(action, filter)
  if (!begun.ok) return problem(begun.error)
  const { id, matched } = begun.bulk
  const summary = `Began to ${action} ${matched} ${matched === 1 ? 'run' : 'runs'}.`
  const after = { id, matched, filter: read.value.filter }
  note(c, { action: `runs.${action}`, target: { kind: 'runs', id }, summary, after })
  return c.json({ id, matched }, 202, { location: `/bulk/${id}` })
}

function preview({ parts, oldestMs, newestMs }: RunParts) {
  const matched = parts.reduce((sum, { count }) => sum + count, 0)
  const [oldestAt, newestAt] = [oldestMs, newestMs].map((ms) =>
    ms === null ? null : new Date(ms).toISOString(),
  )
  return { id: null, matched, parts, oldestAt, newestAt }
}

async function show(c: RouteContext, ask: (id: string) => ReturnType<BulkPort['find']>): Promise<Response> {
  const id = c.req.param('id') ?? ''
  const view = await ask(id)
  return view === undefined ? problem(unknownBulk(id)) : c.json(view)
}

async function stop(c: RouteContext, bulk: BulkPort): Promise<Response> {
  const answer = await show(c, (id) => bulk.stop(id))
  const id = c.req.param('id') ?? ''
  if (answer.ok)
    note(c, {
      action: 'runs.stopped',
      target: { kind: 'runs', id },
      summary: `Stopped the bulk operation ${id}.`,
    })
  return answer
}

function toFilter({ from, to, status, ...named }: z.infer<typeof filterSchema>): RunFilter {
  return { ...named, status, fromMs: instantMs(from), toMs: instantMs(to) }
}

function isStatus(word: string): word is RunStatus {
  return RUN_STATUSES.some((status) => status === word)
}

function unknownBulk(id: string): TaskError {
  return { code: 'NOT_FOUND', detail: `There is no bulk operation "${id.slice(0, 64)}".` }
}
