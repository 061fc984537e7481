/**
 * Figures over time for a chart: the range of the page, read again as it moves on; then only its end is asked for
 * and joined to what is there. Paused, or in a hidden tab, nothing is read.
 */
import { type StatsAnswer, type StatsBy, type StatsMetric, statsAnswerSchema } from '@berth/protocol'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo } from 'react'
import { request } from '../api/client.ts'
import { useFeedClient } from '../feed/use-feed.tsx'
import { useLive } from '../shell/live.ts'
import { useRange } from '../shell/range.ts'
import { joinAnswers } from './chart-data.ts'

export interface StatsQuery {
  readonly metrics: readonly StatsMetric[]
  readonly by?: StatsBy
  /** Undefined: all keys. */
  readonly of?: string | undefined
  /** Instead of the range of the page: the last so many ms. */
  readonly spanMs?: number
  readonly stepMs?: number
  /** False reads nothing. */
  readonly isEnabled?: boolean
}

/** Buckets that are read again: what is under way, and what was when it was read last. */
const AGAIN = 3
const LEAST_EVERY_MS = 2_000
const MOST_EVERY_MS = 15_000
/** After so long without reading all of it is read. */
const MOST_AWAY = 50

export interface Stats {
  /** Undefined until the first answer. */
  readonly answer: StatsAnswer | undefined
  readonly error: Error | null
  readonly refetch: () => void
  /** The time axis: the range of the page, which all of its charts share; undefined for a span of its own. */
  readonly domain: readonly [fromMs: number, toMs: number] | undefined
}

export function useStats({ metrics, by = 'fleet', of, spanMs, stepMs, isEnabled = true }: StatsQuery): Stats {
  const range = useRange()
  const client = useFeedClient()
  const queries = useQueryClient()
  const { isLive } = useLive()
  const isMoving = spanMs !== undefined || range.isRelative
  const wide = spanMs ?? range.toMs - range.fromMs
  const step = stepMs ?? range.stepMs
  const metric = metrics.join(',')
  const still = isMoving ? null : [range.fromMs, range.toMs]
  const queryKey = ['stats', { metric, by, of, step, wide, still }]
  const { data, error, refetch } = useQuery<StatsAnswer, Error>({
    queryKey,
    queryFn: ({ signal }) => {
      const known = queries.getQueryData<StatsAnswer>(queryKey)
      const nowMs = client.serverNowMs()
      const fromMs = isMoving ? nowMs - wide : range.fromMs
      const toMs = isMoving ? null : range.toMs
      return readMoving({ metric, by, of, step, fromMs, toMs, nowMs }, known, signal)
    },
    enabled: isEnabled,
    refetchInterval: isLive && isMoving ? Math.min(MOST_EVERY_MS, Math.max(LEAST_EVERY_MS, step)) : false,
    refetchIntervalInBackground: false,
    structuralSharing: false,
    // Another range of the same chart: the last one stays until it is there.
    placeholderData: (previous, before) => (isSameChart(before?.queryKey, queryKey) ? previous : undefined),
  })
  const domain = useMemo(
    () => (spanMs === undefined ? ([range.fromMs, range.toMs] as const) : undefined),
    [spanMs, range.fromMs, range.toMs],
  )
  return {
    answer: data,
    error: data ? null : error,
    refetch: () => void refetch(),
    domain,
  }
}

interface Asked {
  readonly metric: string
  readonly by: StatsBy
  readonly of: string | undefined
  readonly step: number
  readonly fromMs: number
  /** Null: now. */
  readonly toMs: number | null
  /** By the balancer's clock. */
  readonly nowMs: number
}

async function readMoving(
  asked: Asked,
  known: StatsAnswer | undefined,
  signal: AbortSignal,
): Promise<StatsAnswer> {
  const endMs = known ? Date.parse(known.to) : 0
  const isNear = known && asked.toMs === null && asked.fromMs >= Date.parse(known.from) - known.stepMs
  const tailMs = known ? endMs - AGAIN * known.stepMs : 0
  const isWorth = isNear && tailMs > asked.fromMs && asked.nowMs - endMs < MOST_AWAY * known.stepMs
  if (!isWorth) return read(asked, signal)
  const later = await read({ ...asked, step: known.stepMs, fromMs: tailMs }, signal)
  // Over a shorter range finer steps are kept, or another balancer has begun: then all of it is read.
  if (later.stepMs !== known.stepMs) return read(asked, signal)
  return joinAnswers(known, later, asked.fromMs)
}

function read({ metric, by, of, step, fromMs, toMs }: Asked, signal: AbortSignal): Promise<StatsAnswer> {
  return request('GET', '/stats', {
    schema: statsAnswerSchema,
    query: {
      metric,
      by,
      of,
      from: new Date(fromMs).toISOString(),
      to: toMs === null ? undefined : new Date(toMs).toISOString(),
      step: Math.max(1, Math.round(step / 1_000)),
    },
    signal,
  })
}

function isSameChart(before: readonly unknown[] | undefined, now: readonly unknown[]): boolean {
  const [a, b] = [before?.[1], now[1]] as [Partial<Asked> | undefined, Partial<Asked> | undefined]
  return a?.metric === b?.metric && a?.by === b?.by && a?.of === b?.of
}
