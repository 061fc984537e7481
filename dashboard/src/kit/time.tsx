/**
 * Instants, ages and spans as words. Instants are drawn in the chosen zone (this browser's or UTC) with the
 * exact instant in `datetime` and the tooltip; ages count by themselves, by the balancer's clock.
 */
import { ageMs, useEachSecond, useFeedClient } from '../feed/use-feed.tsx'
import { useZone } from '../shell/zone.ts'
import { formatDuration, formatInstantIn } from '../text/format.ts'
import { text } from '../text/text.ts'

type At = string | number | null | undefined

function toMs(at: At): number | null {
  if (at === null || at === undefined) return null
  const ms = typeof at === 'number' ? at : Date.parse(at)
  return Number.isNaN(ms) ? null : ms
}

interface InstantProps {
  /** ISO 8601 or Unix ms; null is unknown. */
  readonly at: At
  /** Milliseconds too. */
  readonly isExact?: boolean
}

export function Instant({ at, isExact }: InstantProps) {
  const [zone] = useZone()
  const ms = toMs(at)
  if (ms === null) return <span className="unknown">{text.unknown}</span>
  return (
    <time dateTime={new Date(ms).toISOString()} title={new Date(ms).toISOString()}>
      {formatInstantIn(ms, zone, { isExact })}
    </time>
  )
}

interface AgeProps {
  readonly at: At
  /** `span` draws "4 min", `ago` (default) "4 min ago". */
  readonly form?: 'ago' | 'span'
}

export function Age({ at, form = 'ago' }: AgeProps) {
  const client = useFeedClient()
  const ms = toMs(at)
  const seconds = useEachSecond(() => {
    const age = ageMs(ms, client.serverNowMs())
    return age === null ? null : Math.floor(age / 1_000)
  })
  if (ms === null || seconds === null) return <span className="unknown">{text.unknown}</span>
  const span = formatDuration(seconds * 1_000)
  return (
    <time dateTime={new Date(ms).toISOString()} title={new Date(ms).toISOString()}>
      {form === 'ago' ? text.kit.ago(span) : span}
    </time>
  )
}

/** A span: "840 ms", "12.4 s", "3 min 20 s", "2 h 5 min". */
export function Duration({ ms }: { ms: number | null | undefined }) {
  if (ms === null || ms === undefined) return <span className="unknown">{text.unknown}</span>
  return <span className="duration">{formatDuration(ms)}</span>
}
