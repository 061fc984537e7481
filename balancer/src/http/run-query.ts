/**
 * Reads what a list of runs is narrowed to. Pure; called by run-routes.ts.
 * Invariant: a filter that cannot be meant so is an error and never ignored.
 */
import { RUN_STATUSES, type RunStatus, runStatusSchema, type TaskError, timeOfRun } from '@berth/protocol'
import type { RunFilter } from '../ports/run-filter.ts'
import type { BodyRead } from './body.ts'
import { readInstantRange } from './instant-range.ts'
import { type Query, readLimit, readQuery } from './lists.ts'

export const FILTER_NAMES = [
  'status',
  'function',
  'group',
  'session',
  'schedule',
  'parent',
  'worker',
  'error',
  'q',
  'from',
  'to',
] as const

type FilterName = (typeof FILTER_NAMES)[number]

/** Longest text that is searched for. */
const MAX_WORDS = 256
const MAX_WAIT_S = 300

export interface RunListQuery {
  readonly filter: RunFilter
  readonly limit: number
  /** The last run of the page before. */
  readonly before: string | undefined
}

export function readRunList(url: string): BodyRead<RunListQuery> {
  const query = readQuery(url, [...FILTER_NAMES, 'cursor', 'limit'])
  if (!query.ok) return query
  const { cursor } = query.value
  const limit = readLimit(query.value)
  if (!limit.ok) return limit
  if (cursor !== undefined && timeOfRun(cursor) === undefined)
    return refuse('`cursor` is none that this list has given; begin again without it.')
  const filter = readFilter(query.value)
  return filter.ok
    ? { ok: true, value: { filter: filter.value, limit: limit.value, before: cursor } }
    : filter
}

/** Milliseconds of `?wait=`, which is in seconds. */
export function readWait(url: string): BodyRead<number> {
  const query = readQuery(url, ['wait'])
  if (!query.ok) return query
  const { wait = '0' } = query.value
  if (/^\d{1,3}$/.test(wait) && Number(wait) <= MAX_WAIT_S) return { ok: true, value: Number(wait) * 1_000 }
  return refuse(`\`wait\` must be a whole number of seconds from 0 to ${MAX_WAIT_S}.`)
}

export function readFilter(query: Query<FilterName>): BodyRead<RunFilter> {
  const { status, q, from, to, group, worker, session, schedule, parent, error } = query
  const statuses = status === undefined ? undefined : readStatuses(status)
  if (statuses && !statuses.ok) return statuses
  if (q !== undefined && q.length > MAX_WORDS) return refuse(`\`q\` is over ${MAX_WORDS} characters.`)
  const range = readInstantRange({ from, to })
  if (!range.ok) return range
  const named = { function: query.function, group, worker, session, schedule, parent, error }
  return { ok: true, value: { ...named, status: statuses?.value, q, ...range.value } }
}

function readStatuses(text: string): BodyRead<RunStatus[]> {
  const statuses: RunStatus[] = []
  for (const part of text.split(',')) {
    const { success, data } = runStatusSchema.safeParse(part)
    if (!success)
      return refuse(`\`status\` knows no "${part.slice(0, 64)}"; it is one of ${RUN_STATUSES.join(', ')}.`)
    statuses.push(data)
  }
  return { ok: true, value: statuses }
}

function refuse(detail: string): { readonly ok: false; readonly error: TaskError } {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail } }
}
