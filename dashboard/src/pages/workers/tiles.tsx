/** The five figures of the fleet, large. A figure that is unknown is a dash with a reason. */
import { useEachSecond, useFeed, useFeedClient } from '../../feed/use-feed.tsx'
import { formatCount, formatRate } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { type FleetFacts, RATE_SECONDS, rateOf } from './fleet-facts.ts'

export function Tiles({ facts }: { facts: FleetFacts }) {
  const { feed, link } = useFeed()
  const client = useFeedClient()
  const completed = useEachSecond(() =>
    rateOf(feed.points, (point) => point.completed, client.serverNowMs() / 1_000),
  )
  const failed = useEachSecond(() =>
    rateOf(feed.points, (point) => point.failed, client.serverNowMs() / 1_000),
  )
  const words = text.workers.tiles
  const away = facts.total - facts.ready
  return (
    <section className={link.phase === 'live' ? 'tiles' : 'tiles stale'} aria-label={words.label}>
      <Tile
        label={words.workers}
        value={formatCount(facts.ready)}
        of={words.of(formatCount(facts.total))}
        note={
          facts.total === 0 ? text.workers.verdict.empty : away > 0 ? words.notReady(away) : words.allReady
        }
      />
      <Tile
        label={words.slots}
        value={formatCount(facts.slots?.used ?? null)}
        of={facts.slots ? words.of(formatCount(facts.slots.limit)) : undefined}
        note={facts.slots ? words.free(formatCount(facts.slots.free)) : text.workers.verdict.noSlots}
        share={facts.slots ? facts.slots.used / Math.max(1, facts.slots.limit) : undefined}
      />
      <Tile
        label={words.waiting}
        value={formatCount(facts.waiting)}
        note={facts.running === null ? words.noData : words.running(formatCount(facts.running))}
      />
      <Tile label={words.completed} value={formatRate(completed)} note={rateNote(completed)} />
      <Tile
        label={words.failed}
        value={formatRate(failed)}
        note={rateNote(failed)}
        isBad={(failed ?? 0) > 0}
      />
    </section>
  )
}

function rateNote(rate: number | null): string {
  return rate === null ? text.workers.tiles.noData : text.workers.tiles.overSeconds(RATE_SECONDS)
}

interface TileProps {
  readonly label: string
  readonly value: string
  readonly of?: string
  readonly note: string
  readonly share?: number
  readonly isBad?: boolean
}

function Tile({ label, value, of, note, share, isBad }: TileProps) {
  return (
    <div className={isBad ? 'tile tile-bad' : 'tile'}>
      <span className="tile-label">{label}</span>
      <span className="tile-value">
        <strong>{value}</strong> {of && <span className="tile-of">{of}</span>}
      </span>
      <span className="tile-note">{note}</span>
      {share !== undefined && (
        <span className="tile-bar" aria-hidden="true">
          <span style={{ width: `${Math.min(100, share * 100)}%` }} />
        </span>
      )}
    </div>
  )
}
