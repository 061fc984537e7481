/**
 * One worker for its page: what moves comes by the feed four times a second, what only this page shows (its line,
 * its interface) is read every few seconds.
 */
import { type WorkerDetail, type WorkerView, workerDetailSchema } from '@berth/protocol'
import { ApiError } from '../../api/client.ts'
import { useGet } from '../../api/query.ts'
import { useFeed } from '../../feed/use-feed.tsx'

const POLL_MS = 5_000

export interface WorkerFacts {
  /** Undefined while nobody knows; null when there is no such worker. */
  readonly worker: WorkerView | null | undefined
  readonly detail: WorkerDetail | undefined
  readonly error: Error | null
  retry(): void
}

export function useWorkerDetail(id: string): WorkerFacts {
  const { feed } = useFeed()
  const live = feed.workers.get(id)
  const { data, error, refetch } = useGet<WorkerDetail>({
    key: ['workers', 'one', id],
    path: `/workers/${encodeURIComponent(id)}`,
    schema: workerDetailSchema,
    everyMs: POLL_MS,
  })
  const isUnknown = error instanceof ApiError && error.status === 404
  return {
    worker: live ?? (isUnknown ? null : data),
    detail: isUnknown ? undefined : data,
    error: isUnknown ? null : error,
    retry: () => void refetch(),
  }
}
