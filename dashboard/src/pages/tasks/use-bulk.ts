/** The bulk operation of this page: begun, followed, stopped. One at a time; one of the balancer stays in the address. */
import type { BulkAction } from '@berth/protocol'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { failureToast } from '../../api/use-action.ts'
import { useToasts } from '../../kit/toasts.tsx'
import { text } from '../../text/text.ts'
import { actOnChosen, type BulkSource, type BulkState, beginBulk, readBulk, stopBulk } from './bulk.ts'

const LOOK_MS = 500

export interface BulkControl {
  readonly state: BulkState | null
  begin(action: BulkAction, source: BulkSource, reason: string): Promise<void>
  /** What is done stays done. */
  stop(): void
  dismiss(): void
}

export function useBulk(id: string, setId: (id: string | null) => void): BulkControl {
  const queries = useQueryClient()
  const showToast = useToasts()
  const [own, setOwn] = useState<BulkState | null>(null)
  const ending = useRef<AbortController | null>(null)
  const { data: told } = useQuery({
    queryKey: ['runs', 'bulk', id],
    queryFn: ({ signal }) => readBulk(id, signal),
    enabled: id !== '',
    refetchInterval: ({ state }) => (state.data && state.data.state !== 'running' ? false : LOOK_MS),
  })
  const state = id === '' ? own : (told ?? null)
  const phase = state?.state
  useEffect(() => {
    if (phase === 'done' || phase === 'stopped')
      void queries.invalidateQueries({ queryKey: ['runs', 'list'] })
  }, [phase, queries])
  useEffect(() => () => ending.current?.abort(), [])

  const begin = useCallback<BulkControl['begin']>(
    async (action, source, reason) => {
      try {
        if (source.kind === 'all') return setId(await beginBulk(action, source.filter, reason))
        setId(null)
        ending.current = new AbortController()
        void actOnChosen(action, source.runs, reason, ending.current.signal, setOwn)
      } catch (error) {
        showToast(failureToast(text.tasks.bulk.failed, error))
      }
    },
    [setId, showToast],
  )
  const stop = useCallback(() => {
    ending.current?.abort()
    if (id === '') return
    void stopBulk(id)
      .then((view) => queries.setQueryData(['runs', 'bulk', id], view))
      .catch((error) => showToast(failureToast(text.tasks.bulk.notStopped, error)))
  }, [id, queries, showToast])
  const dismiss = useCallback(() => {
    setOwn(null)
    setId(null)
  }, [setId])
  return { state, begin, stop, dismiss }
}
