/** Six figures, large, each with its last quarter of an hour. What is unknown is a dash with a reason. */
import type { StatsMetric, WorkerView } from '@berth/protocol'
import { useMemo } from 'react'
import { Sparkline } from '../../charts/sparkline.tsx'
import { useFeed } from '../../feed/use-feed.tsx'
import { Tile } from '../../kit/page.tsx'
import { Age } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import { formatCount, formatDuration, formatRate, formatShare } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { factsOf } from '../workers/fleet-facts.ts'
import { laneName, toneOfFailures } from './attention.ts'
import type { LaneView } from './lanes.ts'
import type { Outcomes } from './recent.ts'
import type { TileStats } from './tile-stats.ts'

interface Props {
  readonly workers: readonly WorkerView[]
  readonly lanes: readonly LaneView[] | undefined
  readonly outcomes: Outcomes | null
  readonly stats: TileStats
  /** Narrowed to one group: what is only known of the fleet is left out. */
  readonly isGroup: boolean
}

export function OverviewTiles({ workers, lanes, outcomes, stats, isGroup }: Props) {
  const { feed, link } = useFeed()
  const facts = useMemo(() => factsOf(workers, feed.queue), [workers, feed.queue])
  const words = text.overview.tiles
  const away = facts.total - facts.ready
  const waiting = isGroup ? stats.last('waiting') : facts.waiting
  const oldest = oldestOf(lanes)
  // Lanes tell which work waits; without them the fleet's figure still tells how long.
  const oldestMs = lanes === undefined ? stats.last('oldestMs') : 0
  const spark = (metric: StatsMetric, tone?: 'bad') => <Sparkline values={stats.curve(metric)} tone={tone} />
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
        spark={<Sparkline values={stats.curve('slots.used')} most={facts.slots?.limit} />}
        href={paths.workers()}
      />
      <Tile
        label={words.waiting}
        value={formatCount(waiting)}
        detail={isGroup || facts.running === null ? undefined : words.running(formatCount(facts.running))}
        spark={spark('waiting')}
        href={paths.queue()}
      />
      <Tile
        label={words.oldest}
        value={
          oldest ? (
            <Age at={oldest.oldestAt} form="span" />
          ) : oldestMs === 0 ? (
            text.kit.units.seconds('0')
          ) : (
            formatDuration(oldestMs)
          )
        }
        detail={oldest ? words.oldestIn(laneName(oldest)) : oldestMs === 0 ? words.nothingWaits : undefined}
        spark={spark('oldestMs')}
        href={paths.queue()}
      />
      <Tile
        label={words.completed}
        value={formatCount(outcomes?.completedPerMinute ?? null)}
        detail={outcomes ? words.mean(formatRate(outcomes.completedPerMinute / 60)) : words.noData}
        spark={spark('completed')}
        href={withQuery(paths.runs(), { status: 'completed' })}
      />
      <Tile
        label={words.errors}
        value={formatShare(outcomes?.errorShare ?? null)}
        detail={outcomes ? words.failed(formatCount(outcomes.failed)) : words.noData}
        tone={outcomes ? toneOfFailures(outcomes.failed, outcomes.finished) : undefined}
        spark={spark('failed', 'bad')}
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
