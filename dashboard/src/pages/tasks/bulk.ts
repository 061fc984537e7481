/**
 * One action on many tasks: on those that somebody chose, one by one from this page, or on all that a filter means, by
 * the balancer (`POST /bulk`), which goes on when the page closes. Both tell how far they are and can be stopped.
 */
import {
  type BulkAction,
  type BulkView,
  bulkViewSchema,
  isFinal,
  type RunItem,
  type RunStatus,
} from '@berth/protocol'
import { z } from 'zod'
import { request } from '../../api/client.ts'
import type { TaskFilter } from './task-query.ts'

export type BulkSource =
  | { readonly kind: 'chosen'; readonly runs: readonly RunItem[] }
  | { readonly kind: 'all'; readonly filter: TaskFilter }

/** What the action would meet. */
export interface BulkPlan {
  readonly matched: number
  readonly byStatus: readonly (readonly [RunStatus, number])[]
  readonly byFunction: readonly (readonly [string, number])[]
  readonly oldestAt: string | null
  readonly newestAt: string | null
}

export interface BulkState {
  readonly action: BulkAction
  readonly matched: number
  readonly done: number
  readonly failed: number
  readonly state: BulkView['state']
}

/** Above so many the number is typed first. */
export const TYPED_ABOVE = 1_000
/** Requests of this page at once. */
const AT_ONCE = 4

const planSchema = z.object({
  matched: z.number(),
  parts: z.array(
    z.object({ group: z.string(), function: z.string(), status: z.string(), count: z.number() }),
  ),
  oldestAt: z.string().nullable(),
  newestAt: z.string().nullable(),
})

/** Why the action leaves a task as it is: it has ended, it has not, or nothing of it is on disk. */
export type LeftOutReason = 'ended' | 'goesOn' | 'notKept'

type Judged = Pick<RunItem, 'status' | 'durable'>

/** Whether the action can change the task. */
export function canChange(action: BulkAction, run: Judged): boolean {
  return whyLeftOut(action, run) === null
}

export function whyLeftOut(action: BulkAction, { status, durable }: Judged): LeftOutReason | null {
  if (action === 'cancel') return isFinal(status) ? 'ended' : null
  if (!isFinal(status)) return 'goesOn'
  return action === 'retry' && !durable ? 'notKept' : null
}

/** How many are left out for each reason, the most frequent first. */
export function reasonsOf(
  action: BulkAction,
  runs: readonly Judged[],
): readonly (readonly [LeftOutReason, number])[] {
  const reasons = runs.map((run) => whyLeftOut(action, run)).filter((reason) => reason !== null)
  return sumBy(
    reasons.map((reason) => ({ reason, count: 1 })),
    ({ reason }) => reason,
  )
}

export async function planBulk(
  action: BulkAction,
  source: BulkSource,
  signal?: AbortSignal,
): Promise<BulkPlan> {
  if (source.kind === 'chosen') return planOf(source.runs.filter((run) => canChange(action, run)))
  const body = { action, filter: source.filter, dryRun: true }
  const { matched, parts, oldestAt, newestAt } = await request('POST', '/bulk', {
    schema: planSchema,
    body,
    signal,
  })
  const byStatus = sumBy(parts, (part) => part.status as RunStatus)
  return { matched, byStatus, byFunction: sumBy(parts, nameOf), oldestAt, newestAt }
}

export function planOf(runs: readonly RunItem[]): BulkPlan {
  const parts = runs.map((run) => ({ ...run, count: 1 }))
  const times = runs.map(({ createdAt }) => createdAt).sort()
  return {
    matched: runs.length,
    byStatus: sumBy(parts, ({ status }) => status),
    byFunction: sumBy(parts, nameOf),
    oldestAt: times[0] ?? null,
    newestAt: times.at(-1) ?? null,
  }
}

function nameOf(part: { readonly group: string; readonly function: string }): string {
  return part.group === 'default' ? part.function : `${part.group}/${part.function}`
}

function sumBy<Part extends { readonly count: number }, Key extends string>(
  parts: readonly Part[],
  keyOf: (part: Part) => Key,
): (readonly [Key, number])[] {
  const sums = new Map<Key, number>()
  for (const part of parts) sums.set(keyOf(part), (sums.get(keyOf(part)) ?? 0) + part.count)
  return [...sums].sort((a, b) => b[1] - a[1])
}

/** Begins it at the balancer; answers its id. */
export async function beginBulk(action: BulkAction, filter: TaskFilter, reason: string): Promise<string> {
  const schema = z.object({ id: z.string() })
  return (await request('POST', '/bulk', { schema, body: { action, filter }, reason })).id
}

export function readBulk(id: string, signal?: AbortSignal): Promise<BulkView> {
  return request('GET', `/bulk/${encodeURIComponent(id)}`, { schema: bulkViewSchema, signal })
}

export function stopBulk(id: string): Promise<BulkView> {
  return request('DELETE', `/bulk/${encodeURIComponent(id)}`, { schema: bulkViewSchema })
}

/** One run; what the balancer refuses is thrown. */
export function actOn(action: BulkAction, id: string, reason: string): Promise<unknown> {
  const path = `/runs/${encodeURIComponent(id)}`
  if (action === 'delete') return request('DELETE', path, { reason })
  return request('POST', `${path}/${action}`, { reason })
}

/** Those that were chosen, a few at a time; tells how far it is until it is done or `signal` fires. */
export async function actOnChosen(
  action: BulkAction,
  runs: readonly RunItem[],
  reason: string,
  signal: AbortSignal,
  onState: (state: BulkState) => void,
): Promise<void> {
  const left = runs.filter((run) => canChange(action, run))
  const state = { action, matched: left.length, done: 0, failed: 0, state: 'running' as const }
  onState({ ...state })
  const work = async (): Promise<void> => {
    for (let run = left.shift(); run && !signal.aborted; run = left.shift()) {
      try {
        await actOn(action, run.id, reason)
        state.done += 1
      } catch {
        state.failed += 1
      }
      onState({ ...state })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  onState({ ...state, state: signal.aborted && left.length > 0 ? 'stopped' : 'done' })
}
