/** Instants to come, in the chosen zone; the first with how long that is from now. */
import { useEachSecond, useFeedClient } from '../../feed/use-feed.tsx'
import { Instant } from '../../kit/time.tsx'
import { formatDuration } from '../../text/format.ts'
import { text } from '../../text/text.ts'

export function NextRuns({ instants, label }: { instants: readonly string[]; label: string }) {
  if (instants.length === 0) return <p className="muted">{text.schedules.noNext}</p>
  return (
    <ol className="next-runs" aria-label={label}>
      {instants.map((at, place) => (
        <li key={at}>
          <Instant at={at} />
          {place === 0 && (
            <span className="muted">
              {' '}
              <Until at={at} />
            </span>
          )}
        </li>
      ))}
    </ol>
  )
}

/** "in 4 min"; "now" once it has come. */
export function Until({ at }: { at: string }) {
  const client = useFeedClient()
  const seconds = useEachSecond(() => Math.ceil((Date.parse(at) - client.serverNowMs()) / 1_000))
  return <>{seconds > 0 ? text.schedules.in(formatDuration(seconds * 1_000)) : text.schedules.now}</>
}
