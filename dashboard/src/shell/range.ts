/**
 * The time range of the page: `?range=1h` ends now and moves on, `?from=&to=` stands still. One place, so
 * that all charts and lists of a page look at the same time. The choice without parameters is the last one
 * made in this browser, else 1 h.
 */
import { useCallback, useMemo } from 'react'
import { useSearch } from 'wouter/use-browser-location'
import { useEachSecond, useFeedClient } from '../feed/use-feed.tsx'
import { usePreference } from '../kit/preference.ts'
import { writeSearch } from '../kit/use-url-state.ts'
import { formatInstantIn } from '../text/format.ts'
import { text } from '../text/text.ts'
import { useLive } from './live.ts'
import { useZone } from './zone.ts'

export const RANGES = ['5m', '15m', '1h', '6h', '24h', '7d'] as const
export type RangeName = (typeof RANGES)[number]

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const spans: Readonly<Record<RangeName, { readonly ms: number; readonly stepMs: number }>> = {
  '5m': { ms: 5 * MINUTE, stepMs: 1_000 },
  '15m': { ms: 15 * MINUTE, stepMs: 5_000 },
  '1h': { ms: HOUR, stepMs: 15_000 },
  '6h': { ms: 6 * HOUR, stepMs: 2 * MINUTE },
  '24h': { ms: 24 * HOUR, stepMs: 5 * MINUTE },
  '7d': { ms: 168 * HOUR, stepMs: HOUR },
}

const STEPS = [1_000, 5_000, 15_000, MINUTE, 2 * MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR]
/** What an SVG chart draws well. */
const MAX_BUCKETS = 300

export interface Range {
  readonly fromMs: number
  readonly toMs: number
  /** The width of a bucket, so that at most 300 fit. */
  readonly stepMs: number
  readonly label: string
  readonly isRelative: boolean
  /** The named range, null when it stands still. */
  readonly name: RangeName | null
  /** A name, or two instants. `replace` adds no entry to the history. */
  set(
    next: RangeName | { readonly fromMs: number; readonly toMs: number },
    options?: { readonly replace?: boolean },
  ): void
}

export function useRange(): Range {
  const params = new URLSearchParams(useSearch())
  const client = useFeedClient()
  const { pausedAtMs } = useLive()
  const [zone] = useZone()
  const [kept, keep] = usePreference<RangeName>('range', RANGES, '1h')
  const fixed = readFixed(params)
  const name = RANGES.find((one) => one === params.get('range')) ?? kept
  const { ms, stepMs } = spans[name]
  // Ends on whole steps: what is drawn moves on once a step, not once a second.
  const endMs = useEachSecond(() => Math.ceil((pausedAtMs ?? client.serverNowMs()) / stepMs) * stepMs)
  const set = useCallback<Range['set']>(
    (next, options) => {
      const changed = new URLSearchParams(window.location.search)
      for (const one of ['range', 'from', 'to']) changed.delete(one)
      if (typeof next === 'string') {
        changed.set('range', next)
        keep(next)
      } else {
        changed.set('from', new Date(next.fromMs).toISOString())
        changed.set('to', new Date(next.toMs).toISOString())
      }
      writeSearch(changed, options?.replace ?? false)
    },
    [keep],
  )
  const fromMs = fixed?.fromMs ?? endMs - ms
  const toMs = fixed?.toMs ?? endMs
  const isFixed = fixed !== null
  return useMemo(
    () => ({
      fromMs,
      toMs,
      stepMs: isFixed ? stepFor(toMs - fromMs) : stepMs,
      label: isFixed
        ? text.shell.range.between(formatInstantIn(fromMs, zone), formatInstantIn(toMs, zone))
        : text.shell.range.last[name],
      isRelative: !isFixed,
      name: isFixed ? null : name,
      set,
    }),
    [fromMs, toMs, isFixed, stepMs, name, zone, set],
  )
}

/** The next longer (1) or shorter (-1) named range. */
export function neighbour(name: RangeName | null, by: 1 | -1): RangeName {
  const at = name === null ? RANGES.indexOf('1h') : RANGES.indexOf(name)
  return RANGES[Math.min(RANGES.length - 1, Math.max(0, at + by))] ?? '1h'
}

export function stepFor(spanMs: number): number {
  return STEPS.find((step) => spanMs / step <= MAX_BUCKETS) ?? Math.ceil(spanMs / MAX_BUCKETS)
}

function readFixed(params: URLSearchParams): { fromMs: number; toMs: number } | null {
  const fromMs = Date.parse(params.get('from') ?? '')
  const toMs = Date.parse(params.get('to') ?? '')
  return fromMs < toMs ? { fromMs, toMs } : null
}
