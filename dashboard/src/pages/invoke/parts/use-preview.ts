/**
 * Where a task would go if it were sent now (`POST /explain`, which runs nothing), and how many workers could ever take
 * it. Asked half a second after the last change, then every five seconds while the page is live.
 */
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { z } from 'zod'
import { request } from '../../../api/client.ts'
import { useLive } from '../../../shell/live.ts'

const previewSchema = z.looseObject({
  verdict: z.enum(['start', 'wait', 'refuse', 'running', 'ended']),
  worker: z.string().nullable(),
  error: z.looseObject({ code: z.string(), message: z.string().nullish() }).nullable(),
  nearestMiss: z.string().nullish(),
  workers: z.number().nullable(),
  reasons: z.array(z.looseObject({ code: z.string(), count: z.number() })),
  candidates: z.array(z.looseObject({ worker: z.string() })).default([]),
})

export type Preview = z.infer<typeof previewSchema>

const SETTLE_MS = 500
const EVERY_MS = 5_000
/** What a worker is, not how it is just now. */
const NEVER: ReadonlySet<string> = new Set([
  'wrong_group',
  'contract_mismatch',
  'function_missing',
  'tag_mismatch',
])

export function usePreview(body: Readonly<Record<string, unknown>>, isWanted: boolean): Preview | undefined {
  const { isLive } = useLive()
  const wanted = JSON.stringify(body)
  const settled = useSettled(wanted, SETTLE_MS)
  const { data } = useQuery<Preview, Error>({
    queryKey: ['functions', 'preview', settled],
    queryFn: ({ signal }) =>
      request('POST', '/explain', { body: JSON.parse(settled), schema: previewSchema, signal }),
    enabled: isWanted,
    refetchInterval: isLive ? EVERY_MS : false,
    retry: false,
  })
  return settled === wanted ? data : undefined
}

/** How many workers could take it at some time. */
export function countMatching({ workers, reasons }: Preview): number | null {
  if (workers === null) return null
  const never = reasons.reduce((sum, { code, count }) => sum + (NEVER.has(code) ? count : 0), 0)
  return workers - never
}

export function useSettled<Value>(value: Value, ms: number): Value {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms)
    return () => clearTimeout(timer)
  }, [value, ms])
  return settled
}
