/**
 * What each worker did over the last five minutes, from the balancer's roll-ups, read again every 15 s. A worker
 * that is not in the answer is unknown, not idle.
 */
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { z } from 'zod'
import { request } from '../../api/client.ts'
import { useFeedClient } from '../../feed/use-feed.tsx'
import { useLive } from '../../shell/live.ts'

const WINDOW_MS = 300_000
const POLL_MS = 15_000

export const statsSchema = z.object({
  stepMs: z.number(),
  series: z.array(
    z.object({ metric: z.string(), of: z.string().nullish(), values: z.array(z.number().nullable()) }),
  ),
})

export interface WorkerRate {
  readonly perMinute: number
  /** 0 … 1 of what ended; null when nothing has. */
  readonly errorShare: number | null
}

export type WorkerRates = ReadonlyMap<string, WorkerRate>

const OUTCOMES = ['ok', 'error', 'timeout', 'cancelled'] as const

export function useWorkerRates(isEnabled: boolean): WorkerRates {
  const client = useFeedClient()
  const { isLive } = useLive()
  const { data } = useQuery({
    queryKey: ['stats', 'worker-rates'],
    queryFn: ({ signal }) => {
      const from = new Date(client.serverNowMs() - WINDOW_MS).toISOString()
      const query = { metric: OUTCOMES.join(','), by: 'worker', from, step: '5m' }
      return request('GET', '/stats', { query, schema: statsSchema, signal })
    },
    enabled: isEnabled,
    refetchInterval: isLive ? POLL_MS : false,
    retry: false,
  })
  return useMemo(() => (data ? ratesOf(data) : NONE), [data])
}

const NONE: WorkerRates = new Map()

/** Values are counts a second; a gap counts for nothing, and a worker of gaps alone is unknown. */
export function ratesOf({ series }: z.infer<typeof statsSchema>): WorkerRates {
  const sums = new Map<string, { seconds: number; total: number; failed: number }>()
  for (const { metric, of, values } of series) {
    const known = values.filter((value) => value !== null)
    if (of == null || known.length === 0) continue
    const sum = sums.get(of) ?? { seconds: 0, total: 0, failed: 0 }
    const mean = known.reduce((total, value) => total + value, 0) / known.length
    sum.total += mean
    if (metric === 'error' || metric === 'timeout') sum.failed += mean
    sums.set(of, sum)
  }
  return new Map(
    [...sums].map(([id, { total, failed }]) => [
      id,
      { perMinute: total * 60, errorShare: total > 0 ? failed / total : null },
    ]),
  )
}
