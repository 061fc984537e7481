/**
 * What it would cost to put workers away, as the balancer foretells it (`dryRun`), and the request that does it.
 * Used by every dialog that asks before maintenance or a drain.
 */
import { useQuery } from '@tanstack/react-query'
import { z } from 'zod'
import { request } from '../../api/client.ts'
import { useFeedClient } from '../../feed/use-feed.tsx'

const groupEffectSchema = z.object({
  group: z.string(),
  contract: z.number(),
  workers: z.number(),
  workersLeft: z.number(),
  slots: z.number(),
  slotsLost: z.number(),
  slotsLostShare: z.number(),
  freeLeft: z.number(),
})

const outcomeSchema = z.object({
  matched: z.number(),
  changed: z.number(),
  items: z.array(
    z.object({
      id: z.string(),
      status: z.number(),
      code: z.string().optional(),
      detail: z.string().optional(),
    }),
  ),
})

const foretoldSchema = outcomeSchema.extend({
  effect: z.object({
    workers: z.number(),
    slotsLost: z.number(),
    running: z.number(),
    remaining: z.number().nullable(),
    exceeding: z.number(),
    groups: z.array(groupEffectSchema),
    functionsLeft: z.array(z.object({ group: z.string(), contract: z.number(), name: z.string() })),
  }),
})

export type Foretold = z.infer<typeof foretoldSchema>
export type Outcome = z.infer<typeof outcomeSchema>

export interface OffWish {
  /** From now on; null for no deadline. */
  readonly deadlineMs: number | null
  readonly untilMs: number | null
  readonly reason?: string
}

export interface OffBody {
  readonly select: { readonly workers: readonly string[] }
  readonly reason?: string
  readonly until?: string
  readonly deadline?: string
}

/** The body of `POST /fleet/off`; `nowMs` by the balancer's clock. */
export function offBody(ids: readonly string[], wish: OffWish, nowMs: number): OffBody {
  const instant = (ms: number) => new Date(nowMs + ms).toISOString()
  return {
    select: { workers: ids },
    ...(wish.reason ? { reason: wish.reason } : {}),
    ...(wish.untilMs === null ? {} : { until: instant(wish.untilMs) }),
    ...(wish.deadlineMs === null ? {} : { deadline: instant(wish.deadlineMs) }),
  }
}

/** The request that does it: one worker has an address of its own, under which its history finds the decision. */
export function offRequest(body: OffBody): { readonly path: string; readonly body: object } {
  const { select, ...fields } = body
  const [only] = select.workers
  if (select.workers.length !== 1 || only === undefined) return { path: '/fleet/off', body }
  return { path: `/workers/${encodeURIComponent(only)}/off`, body: fields }
}

export function switchOff(body: OffBody): Promise<Outcome> {
  return decide(body.select.workers, offRequest(body), body.reason)
}

export function switchOn(ids: readonly string[]): Promise<Outcome> {
  const [only] = ids
  const isOne = ids.length === 1 && only !== undefined
  const path = isOne ? `/workers/${encodeURIComponent(only)}/on` : '/fleet/on'
  return decide(ids, { path, body: isOne ? {} : { select: { workers: ids } } })
}

/** A single worker's answer is the worker itself; what it refuses is thrown. */
async function decide(
  ids: readonly string[],
  { path, body }: { readonly path: string; readonly body: object },
  reason?: string,
): Promise<Outcome> {
  const answer = await request<unknown>('POST', path, { body, reason })
  if (path.startsWith('/fleet/')) return outcomeSchema.parse(answer)
  return { matched: 1, changed: 1, items: ids.map((id) => ({ id, status: 200 })) }
}

export function useForetold(ids: readonly string[], deadlineMs: number | null) {
  const client = useFeedClient()
  return useQuery<Foretold, Error>({
    queryKey: ['workers', 'foretold', ids, deadlineMs],
    queryFn: ({ signal }) => {
      const body = { ...offBody(ids, { deadlineMs, untilMs: null }, client.serverNowMs()), dryRun: true }
      return request('POST', '/fleet/off', { schema: foretoldSchema, body, signal })
    },
    // What it would cost changes with every task that ends.
    refetchInterval: 5_000,
    gcTime: 0,
    placeholderData: (previous) => previous,
  })
}
