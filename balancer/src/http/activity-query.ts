/**
 * Reads what a list of activity is narrowed to. Pure; called by activity-routes.ts.
 * Invariant: a filter that cannot be meant so is an error and never ignored.
 */
import { activityKindSchema, activityTargetKindSchema, type TaskError } from '@berth/protocol'
import type { ActivityFilter } from '../ports/activity.ts'
import type { BodyRead } from './body.ts'
import { readInstantRange } from './instant-range.ts'
import { readLimit, readQuery } from './lists.ts'

const NAMES = ['kind', 'action', 'actor', 'target', 'q', 'from', 'to', 'cursor', 'limit'] as const
const MAX_TEXT = 2_048
const MAX_WORDS = 256
const ID = /^a_[0-9a-hjkmnp-tv-z]{26}$/

export interface ActivityQuery {
  readonly filter: ActivityFilter
  readonly limit: number
  /** The last item of the page before. */
  readonly before: string | null
}

export function readActivityQuery(url: string): BodyRead<ActivityQuery> {
  const query = readQuery(url, NAMES)
  if (!query.ok) return query
  const { action, actor, q, from, to, cursor } = query.value
  const limit = readLimit(query.value)
  if (!limit.ok) return limit
  if (cursor !== undefined && !ID.test(cursor))
    return refuse('`cursor` is none that this list has given; begin again without it.')
  const kind = activityKindSchema.safeParse(query.value.kind)
  if (query.value.kind !== undefined && !kind.success)
    return refuse(`\`kind\` must be one of ${activityKindSchema.options.join(', ')}.`)
  if (q !== undefined && q.length > MAX_WORDS) return refuse(`\`q\` is over ${MAX_WORDS} characters.`)
  const long = (['action', 'actor', 'target'] as const).find(
    (name) => (query.value[name]?.length ?? 0) > MAX_TEXT,
  )
  if (long) return refuse(`\`${long}\` is over ${MAX_TEXT} characters.`)
  const range = readInstantRange({ from, to })
  if (!range.ok) return range
  const filter = { kind: kind.data, action, actor, q, ...range.value, ...readTarget(query.value.target) }
  return { ok: true, value: { filter, limit: limit.value, before: cursor ?? null } }
}

/** `worker:w1`, `worker:` for all of them, or an id alone, of whatever kind. */
function readTarget(text: string | undefined): Pick<ActivityFilter, 'targetKind' | 'targetId'> {
  if (text === undefined) return {}
  const at = text.indexOf(':')
  const kind = activityTargetKindSchema.safeParse(text.slice(0, Math.max(0, at)))
  if (!kind.success) return { targetId: text }
  const id = text.slice(at + 1)
  return { targetKind: kind.data, targetId: id === '' ? undefined : id }
}

function refuse(detail: string): { readonly ok: false; readonly error: TaskError } {
  return { ok: false, error: { code: 'INVALID_REQUEST', detail } }
}
