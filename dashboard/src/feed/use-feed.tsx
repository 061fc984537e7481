/**
 * The feed for components: they read the reducer's state and follow logs, and never fetch. One
 * shared second hand drives every age and countdown on the page.
 */
import { createContext, type ReactNode, use, useEffect, useState, useSyncExternalStore } from 'react'
import type { FeedClient, FeedView } from './feed-client.ts'
import type { LogBuffer } from './log-buffer.ts'

const FeedContext = createContext<FeedClient | null>(null)

export function FeedProvider({ client, children }: { client: FeedClient; children: ReactNode }) {
  return <FeedContext value={client}>{children}</FeedContext>
}

export function useFeedClient(): FeedClient {
  const client = use(FeedContext)
  if (!client) throw new Error('useFeedClient needs a FeedProvider above it; wrap the page in one')
  return client
}

export function useFeed(): FeedView {
  const client = useFeedClient()
  return useSyncExternalStore(client.subscribe, client.getShown)
}

/**
 * A part of what is shown; renders again only when `read` answers something else. It must answer what it
 * answered before while nothing changed: a member of the view, a word, a number.
 */
export function useFeedPart<Part>(read: (view: FeedView) => Part): Part {
  const client = useFeedClient()
  return useSyncExternalStore(client.subscribe, () => read(client.getShown()))
}

/** The balancer's own name; null until it has spoken. */
export function useBalancerName(): string | null {
  const client = useFeedClient()
  return useSyncExternalStore(client.subscribe, () => client.getView().feed.balancer?.name ?? null)
}

export interface FollowedLog {
  /** What there is now; null until the balancer has answered. */
  readonly live: LogBuffer | null
  /** The same, or what there was when the page was paused. */
  readonly shown: LogBuffer | null
  /** Why it is not followed: the balancer's reason, or empty when too many are open here. */
  readonly refused: string | null
}

/** Follows the lines that a word means (protocol, log-query.ts) while mounted. */
export function useLog(word: string): FollowedLog {
  const client = useFeedClient()
  const [isFull, setFull] = useState(false)
  useEffect(() => {
    const release = client.watch(word)
    setFull(release === null)
    return release ?? undefined
  }, [client, word])
  const { subscribe } = client
  const live = useSyncExternalStore(subscribe, () => client.getView().feed.logs.get(word) ?? null)
  const shown = useSyncExternalStore(subscribe, () => client.getShown().feed.logs.get(word) ?? null)
  const why = useSyncExternalStore(subscribe, () => client.getView().feed.watched.refused.get(word) ?? null)
  return { live, shown, refused: isFull ? '' : why }
}

const TICK_MS = 1_000
const tickers = new Set<() => void>()
let tickTimer: number | null = null

function subscribeTick(listener: () => void): () => void {
  tickers.add(listener)
  tickTimer ??= window.setInterval(() => {
    for (const ticker of tickers) ticker()
  }, TICK_MS)
  return () => {
    tickers.delete(listener)
    if (tickers.size > 0 || tickTimer === null) return
    window.clearInterval(tickTimer)
    tickTimer = null
  }
}

/** Reads a figure that changes with time; the component renders again only when it differs. */
export function useEachSecond<Value extends string | number | boolean | null>(read: () => Value): Value {
  return useSyncExternalStore(subscribeTick, read)
}

/** Whole seconds since a server instant, by the server's clock; null when the instant is unknown. */
export function useAgeSeconds(at: string | null): number | null {
  const client = useFeedClient()
  return useEachSecond(() => ageSeconds(at, client.serverNowMs()))
}

/** Whole seconds since a worker was heard, each second and with each word of the feed; null when it never was. */
export function useHeardSeconds(id: string): number | null {
  const client = useFeedClient()
  const read = () => {
    const worker = client.getShown().feed.workers.get(id)
    return ageSeconds(worker?.lastSeenAt ?? null, client.serverNowMs())
  }
  useFeedPart(read)
  return useEachSecond(read)
}

/** Milliseconds since an instant (ISO or Unix ms), never negative; null when it is unknown. */
export function ageMs(at: string | number | null, nowMs: number): number | null {
  if (at === null) return null
  const ms = nowMs - (typeof at === 'number' ? at : Date.parse(at))
  return Number.isNaN(ms) ? null : Math.max(0, ms)
}

export function ageSeconds(at: string | null, nowMs: number): number | null {
  if (at === null) return null
  const ms = nowMs - Date.parse(at)
  return Number.isNaN(ms) ? null : Math.max(0, Math.floor(ms / 1_000))
}
