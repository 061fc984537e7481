/**
 * One run as its page shows it: read by HTTP with input and result, kept live by the feed, read again when it has
 * ended. Undefined while it is read, null when there is no such run (any more).
 */
import { type FeedRun, isFinal, type RunView, runViewSchema } from '@berth/protocol'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo } from 'react'
import { ApiError, request } from '../../api/client.ts'
import { useWatchedRun } from '../../feed/use-watched-runs.ts'
import { useLive } from '../../shell/live.ts'

export interface ShownRun {
  readonly run: RunView | null | undefined
  readonly error: Error | null
  reload(): void
}

/** What the feed may have missed is read again so often. */
const AGAIN_MS = 10_000

export function useRun(id: string): ShownRun {
  const { isLive } = useLive()
  const told = useWatchedRun(isLive ? id : null)
  const { data, error, refetch } = useQuery({
    queryKey: ['run', id],
    queryFn: ({ signal }) => readRun(id, signal),
    refetchInterval: ({ state }) => (isLive && state.data && !isFinal(state.data.status) ? AGAIN_MS : false),
  })
  const hasEnded = told?.status !== undefined && isFinal(told.status)
  const isBehind = hasEnded && data !== undefined && data !== null && !isFinal(data.status)
  useEffect(() => {
    if (isBehind) void refetch()
  }, [isBehind, refetch])
  const run = useMemo(() => mergeRun(data, told), [data, told])
  return { run, error, reload: () => void refetch() }
}

/** What the feed tells goes over what was read; a run that has ended does not begin to run again. */
export function mergeRun(
  read: RunView | null | undefined,
  told: Partial<FeedRun> | null | undefined,
): RunView | null | undefined {
  if (!read || !told) return told === null && read ? null : read
  if (isFinal(read.status) && told.status !== undefined && !isFinal(told.status)) return read
  return { ...read, ...told }
}

async function readRun(id: string, signal: AbortSignal): Promise<RunView | null> {
  try {
    return await request('GET', `/runs/${encodeURIComponent(id)}`, { schema: runViewSchema, signal })
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null
    throw error
  }
}
