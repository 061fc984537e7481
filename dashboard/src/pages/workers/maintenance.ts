/**
 * Switching the maintenance of one worker: at once with a way back, or with a question first when it is the last
 * that can do something. A switch is `pending` from the press until the feed shows the wish come true; the feed
 * alone tells the truth.
 */
import type { WorkerView } from '@berth/protocol'
import { useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { request } from '../../api/client.ts'
import { failureToast } from '../../api/use-action.ts'
import { useFeed } from '../../feed/use-feed.tsx'
import { useToasts } from '../../kit/toasts.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { groupOf, isServing } from './fleet-facts.ts'

/** A wish that was accepted and has not come true after this long is given up and said so. */
export const CONFIRM_MS = 10_000

export interface MaintenanceEffect {
  readonly isLastReady: boolean
  /** Functions that no other ready worker of the group has. */
  readonly functionsLost: readonly string[]
}

/** What putting one worker into maintenance takes from its group. */
export function effectOf(worker: WorkerView, workers: Iterable<WorkerView>): MaintenanceEffect {
  if (!isServing(worker)) return { isLastReady: false, functionsLost: [] }
  const group = groupOf(worker)
  const lost = new Set(worker.functions)
  let others = 0
  for (const one of workers) {
    if (one.id === worker.id || !isServing(one) || groupOf(one) !== group) continue
    others++
    for (const name of one.functions) lost.delete(name)
    if (lost.size === 0) break
  }
  return { isLastReady: others === 0, functionsLost: [...lost] }
}

export interface MaintenanceControl {
  /** The wish under way, by worker. */
  readonly pending: ReadonlyMap<string, boolean>
  /** The worker whose maintenance waits for a yes. */
  readonly asking: string | null
  request(id: string, isOn: boolean): void
  /** The question has been answered, either way. */
  answered(): void
}

export function useMaintenance(): MaintenanceControl {
  const { feed, link } = useFeed()
  const showToast = useToasts()
  const [pending, setPending] = useState<ReadonlyMap<string, boolean>>(new Map())
  const [asking, setAsking] = useState<string | null>(null)
  const timers = useRef(new Map<string, number>())
  const workers = useRef(feed.workers)
  const isLive = useRef(false)
  useEffect(() => {
    workers.current = feed.workers
    isLive.current = link.phase === 'live'
  }, [feed.workers, link.phase])

  const settle = useCallback((id: string) => {
    window.clearTimeout(timers.current.get(id))
    timers.current.delete(id)
    setPending((old) => new Map([...old].filter(([one]) => one !== id)))
  }, [])

  useEffect(() => {
    for (const [id, isOn] of pending) {
      const worker = feed.workers.get(id)
      if (!worker || (worker.maintenance !== null) === isOn) settle(id)
    }
  }, [feed.workers, pending, settle])

  useEffect(() => {
    const running = timers.current
    return () => {
      for (const timer of running.values()) window.clearTimeout(timer)
    }
  }, [])

  const send = useCallback(
    async (id: string, isOn: boolean) => {
      if (!isLive.current) return
      setPending((old) => new Map(old).set(id, isOn))
      const fail = (error: unknown) => {
        settle(id)
        showToast(failureToast(text.workers.maintenance.failed(visible(id)), error))
      }
      try {
        await request('POST', `/workers/${encodeURIComponent(id)}/${isOn ? 'off' : 'on'}`, { body: {} })
      } catch (error) {
        return fail(error)
      }
      timers.current.set(
        id,
        window.setTimeout(() => {
          const worker = workers.current.get(id)
          if (worker && (worker.maintenance !== null) !== isOn)
            fail(new Error(text.workers.maintenance.unconfirmed))
        }, CONFIRM_MS),
      )
      if (!isOn) return
      showToast({
        tone: 'held',
        title: text.workers.maintenance.switchedOn(visible(id)),
        detail: text.workers.maintenance.switchedOnDetail(workers.current.get(id)?.slots?.used ?? 0),
        action: { label: text.kit.undo, run: () => void send(id, false) },
      })
    },
    [settle, showToast],
  )

  const ask = useCallback(
    (id: string, isOn: boolean) => {
      const worker = workers.current.get(id)
      if (!worker || !isLive.current) return
      const { isLastReady, functionsLost } = effectOf(worker, workers.current.values())
      if (isOn && (isLastReady || functionsLost.length > 0)) setAsking(id)
      else void send(id, isOn)
    },
    [send],
  )

  const answered = useCallback(() => setAsking(null), [])
  return useMemo(() => ({ pending, asking, request: ask, answered }), [pending, asking, ask, answered])
}
