/**
 * Switching maintenance: what it would do to the fleet, and the state of the switches. A switch is
 * `pending` from the press until the feed shows the wish come true; the feed alone tells the truth.
 */
import type { WorkerView } from '@berth/protocol'
import { useCallback, useEffect, useRef, useState } from 'react'
import { useFeed } from '../../feed/use-feed.tsx'
import { useToasts } from '../../kit/toasts.tsx'
import { type Outcome, switchMaintenance } from '../../session/session.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { groupOf, isServing } from './fleet-facts.ts'

/** A wish that was accepted and has not come true after this long is given up and said so. */
export const CONFIRM_MS = 10_000

export interface MaintenanceEffect {
  readonly isLastReady: boolean
  readonly running: number
  readonly slotsLost: number
  /** Free slots of ready workers of the same group that remain. */
  readonly freeLeft: number
  /** Functions that no other ready worker of the group has. */
  readonly functionsLost: readonly string[]
}

/** What putting one worker into maintenance takes from its group. */
export function effectOf(worker: WorkerView, workers: Iterable<WorkerView>): MaintenanceEffect {
  const group = groupOf(worker)
  const others = [...workers].filter(
    (one) => one.id !== worker.id && isServing(one) && groupOf(one) === group,
  )
  const served = new Set(others.flatMap((one) => one.functions))
  return {
    isLastReady: isServing(worker) && others.length === 0,
    running: worker.slots?.used ?? 0,
    slotsLost: worker.slots?.limit ?? 0,
    freeLeft: others.reduce((sum, one) => sum + (one.slots?.available ?? 0), 0),
    functionsLost: worker.functions.filter((name) => !served.has(name)),
  }
}

export interface MaintenanceControl {
  /** The wish under way, by worker. */
  readonly pending: ReadonlyMap<string, boolean>
  /** The worker whose maintenance waits for a yes. */
  readonly asking: string | null
  request(id: string, isOn: boolean): void
  confirm(): void
  cancel(): void
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
      const fail = (detail: string) => {
        settle(id)
        showToast({ tone: 'bad', title: text.workers.maintenance.failed(id), detail, isSticky: true })
      }
      const outcome = await switchMaintenance(id, isOn)
      if (!outcome.ok) return fail(wordsOf(outcome))
      timers.current.set(
        id,
        window.setTimeout(() => {
          const worker = workers.current.get(id)
          if (worker && (worker.maintenance !== null) !== isOn) fail(text.workers.maintenance.unconfirmed)
        }, CONFIRM_MS),
      )
      if (!isOn) return
      showToast({
        tone: 'held',
        title: text.workers.maintenance.switchedOn(id),
        detail: text.workers.maintenance.switchedOnDetail(workers.current.get(id)?.slots?.used ?? 0),
        action: { label: text.workers.maintenance.undo, run: () => void send(id, false) },
      })
    },
    [settle, showToast],
  )

  const request = useCallback(
    (id: string, isOn: boolean) => {
      const worker = workers.current.get(id)
      if (!worker || !isLive.current) return
      if (isOn && effectOf(worker, workers.current.values()).isLastReady) setAsking(id)
      else void send(id, isOn)
    },
    [send],
  )

  return {
    pending,
    asking,
    request,
    confirm: () => {
      if (asking !== null) void send(asking, true)
      setAsking(null)
    },
    cancel: () => setAsking(null),
  }
}

function wordsOf(outcome: Exclude<Outcome, { ok: true }>): string {
  if (outcome.detail) return visible(outcome.detail)
  return outcome.status === 0
    ? text.workers.maintenance.noAnswer
    : text.workers.maintenance.refused(outcome.status)
}
