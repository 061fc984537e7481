/** What the page's address says of its list, and what that asks of the balancer. Pure. */
import { z } from 'zod'
import type { QueryValue } from '../../api/client.ts'

/** The first words of actions, as they can be filtered by. */
export const ACTION_WORDS = [
  'worker',
  'fleet',
  'drain',
  'run',
  'runs',
  'schedule',
  'function',
  'group',
  'config',
  'delivery',
  'form',
  'session',
  'store',
  'balancer',
] as const
export type ActionWord = (typeof ACTION_WORDS)[number]

export const activityQuerySchema = z.object({
  kind: z.enum(['operator', 'system']).optional(),
  action: z.string().max(128).optional(),
  actor: z.string().max(256).optional(),
  target: z.string().max(2_048).optional(),
  q: z.string().max(256).optional(),
  /** The one that is open. */
  entry: z.string().max(64).optional(),
})

export type ActivityQuery = z.infer<typeof activityQuerySchema>
export type ActivityFilter = Omit<ActivityQuery, 'entry'>

/** What narrows the list, without what is open. */
export function filterOf({ entry: _, ...filter }: ActivityQuery): ActivityFilter {
  return filter
}

export function isNarrowed(filter: ActivityFilter): boolean {
  return Object.values(filter).some((value) => value !== undefined && value !== '')
}

/** `toMs` undefined: up to now, whenever that is asked. */
export function requestOf(
  filter: ActivityFilter,
  fromMs: number,
  toMs: number | undefined,
): Readonly<Record<string, QueryValue>> {
  const to = toMs === undefined ? undefined : new Date(toMs).toISOString()
  return { ...filter, from: new Date(fromMs).toISOString(), to }
}
