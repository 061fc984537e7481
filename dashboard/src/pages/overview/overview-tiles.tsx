/** Six figures, large, each with its last quarter of an hour. What is unknown is a dash with a reason. */
import type { FleetPoint, WorkerView } from '@berth/protocol'
import { useMemo } from 'react'
import { useFeed } from '../../feed/use-feed.tsx'
import { Tile } from '../../kit/page.tsx'
import { Age } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import { formatCount, formatRate, formatShare } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { factsOf } from '../workers/fleet-facts.ts'
import { laneName } from './attention.ts'
import type { LaneView } from './lanes.ts'
import { type Outcomes, sparkOf } from './recent.ts'
import { Spark } from './spark.tsx'

interface Props {
  readonly workers: readonly WorkerView[]
  readonly lanes: readonly LaneView[] | undefined
  readonly outcomes: Outcomes | null
  readonly nowSeconds: number
  /** Narrowed to one group: what is only known of the fleet is left out. */
  readonly isGroup: boolean
}

export function OverviewTiles({ workers, lanes, outcomes, nowSeconds, isGroup }: Props) {
  const { feed, link } = useFeed()
  const facts = useMemo(() => factsOf(workers, feed.queue), [workers, feed.queue])
  const words = text.overview.tiles
  const away = facts.total - facts.ready
  const waiting = isGroup ? (lanes?.reduce((sum, lane) => sum + lane.waiting, 0) ?? null) : facts.waiting
  const oldest = oldestOf(lanes)
  const spark = (label: string, read: (point: FleetPoint) => number | null) =>
    isGroup ? undefined : <Spark label={words.spark(label)} values={sparkOf(feed.points, read, nowSeconds)} />
  return (
    <section
      className={link.phase === 'live' ? 'tiles overview-tiles' : 'tiles overview-tiles stale'}
      aria-label={words.label}
    >
      <Tile
        label={words.workers}
        value={formatCount(facts.ready)}
        unit={words.of(formatCount(facts.total))}
        detail={
          facts.total === 0 ? text.overview.verdict.empty : away > 0 ? words.notReady(away) : words.allReady
        }
        tone={facts.total > 0 && facts.ready === 0 ? 'bad' : undefined}
        spark={<Share value={facts.ready} of={facts.total} />}
        href={paths.workers()}
      />
      <Tile
        label={words.slots}
        value={formatCount(facts.slots?.used ?? null)}
        unit={facts.slots ? words.of(formatCount(facts.slots.limit)) : undefined}
        detail={facts.slots ? words.free(formatCount(facts.slots.free)) : text.workers.verdict.noSlots}
        spark={
          spark(words.slots, (point) => point.slots?.used ?? null) ?? (
            <Share value={facts.slots?.used ?? 0} of={facts.slots?.limit ?? 0} />
          )
        }
        href={paths.workers()}
      />
      <Tile
        label={words.waiting}
        value={formatCount(waiting)}
        detail={
          isGroup
            ? undefined
            : facts.running === null
              ? words.noData
              : words.running(formatCount(facts.running))
        }
        spark={spark(words.waiting, (point) => point.waiting)}
        href={paths.queue()}
      />
      <Tile
        label={words.oldest}
        value={oldest ? <Age at={oldest.oldestAt} form="span" /> : lanes === undefined ? text.unknown : '0 s'}
        detail={
          oldest ? words.oldestIn(laneName(oldest)) : lanes === undefined ? words.noData : words.nothingWaits
        }
        href={paths.queue()}
      />
      <Tile
        label={words.completed}
        value={formatCount(outcomes?.completedPerMinute ?? null)}
        detail={
          outcomes
            ? words.mean(formatRate(outcomes.completedPerMinute / 60))
            : isGroup
              ? words.byGroupUnknown
              : words.noData
        }
        spark={spark(words.completed, (point) => point.completed)}
        href={withQuery(paths.runs(), { status: 'completed' })}
      />
      <Tile
        label={words.errors}
        value={formatShare(outcomes?.errorShare ?? null)}
        detail={
          outcomes
            ? words.failed(formatCount(outcomes.failed))
            : isGroup
              ? words.byGroupUnknown
              : words.noData
        }
        tone={(outcomes?.failed ?? 0) > 0 ? 'bad' : undefined}
        spark={spark(words.errors, (point) => point.failed)}
        href={withQuery(paths.runs(), { status: 'failed' })}
      />
    </section>
  )
}

function Share({ value, of }: { value: number; of: number }) {
  return (
    <span className="tile-share" aria-hidden="true">
      <span style={{ width: `${of > 0 ? Math.min(100, (value / of) * 100) : 0}%` }} />
    </span>
  )
}

function oldestOf(lanes: readonly LaneView[] | undefined): LaneView | null {
  let oldest: LaneView | null = null
  for (const lane of lanes ?? []) {
    if (lane.oldestAt === null || lane.waiting === 0) continue
    if (oldest?.oldestAt == null || lane.oldestAt < oldest.oldestAt) oldest = lane
  }
  return oldest
}
