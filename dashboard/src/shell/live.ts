/**
 * Live or paused. Paused, the feed goes on but the page shows the moment of the pause, polling stops, and
 * relative time ranges end at that moment. One switch for the whole page.
 */
import { useSyncExternalStore } from 'react'
import { useFeedClient } from '../feed/use-feed.tsx'

export interface Live {
  readonly isLive: boolean
  /** When it was paused, by the balancer's clock; null while live. */
  readonly pausedAtMs: number | null
  pause(): void
  resume(): void
}

export function useLive(): Live {
  const client = useFeedClient()
  const pausedAtMs = useSyncExternalStore(client.subscribe, client.getPausedAtMs)
  return { isLive: pausedAtMs === null, pausedAtMs, pause: client.pause, resume: client.resume }
}
