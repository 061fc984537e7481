/**
 * `/dashboard`: how the fleet is, in one sentence, six figures, what needs a hand, the last hours, and what
 * people have done. Everything leads to the page that has more.
 */
import { lazy, Suspense, useMemo } from 'react'
import { useEachSecond, useFeed, useFeedClient } from '../../feed/use-feed.tsx'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { Page } from '../../kit/page.tsx'
import { useGroup } from '../../shell/group.ts'
import { useLive } from '../../shell/live.ts'
import { text } from '../../text/text.ts'
import { EmptyFleet } from '../workers/empty-fleet.tsx'
import { attentionOf } from './attention.ts'
import { AttentionList } from './attention-list.tsx'
import { useLanes } from './lanes.ts'
import { OverviewSkeleton } from './overview-skeleton.tsx'
import { OverviewTiles } from './overview-tiles.tsx'
import { verdictOf } from './overview-verdict.ts'
import { outcomesOf } from './recent.ts'
import { RecentActivity } from './recent-activity.tsx'
import { useTileStats } from './tile-stats.ts'
import './overview.css'

const OverviewCharts = lazy(async () => ({
  default: (await import('./overview-charts.tsx')).OverviewCharts,
}))

export function OverviewPage() {
  const { feed, link } = useFeed()
  const client = useFeedClient()
  const { group } = useGroup()
  const { pausedAtMs } = useLive()
  const { lanes } = useLanes()
  const stats = useTileStats(group)
  const nowSeconds = useEachSecond(() => Math.floor((pausedAtMs ?? client.serverNowMs()) / 1_000))
  const isLoading = feed.seq === null
  const workers = useMemo(
    () => [...feed.workers.values()].filter((worker) => group === null || worker.group === group),
    [feed.workers, group],
  )
  const outcomes = useMemo(
    () => (group === null ? outcomesOf(feed.points, nowSeconds) : stats.outcomes()),
    [feed.points, group, nowSeconds, stats],
  )
  const attention = attentionOf({
    workers: feed.workers,
    config: feed.config,
    lanes,
    failed: outcomes?.failed ?? null,
    finished: outcomes?.finished ?? null,
    nowMs: nowSeconds * 1_000,
    group,
  })
  const verdict = verdictOf(workers, attention, isLoading)
  const isOld = isLoading || link.phase !== 'live'
  return (
    <Page
      title={text.overview.title}
      lead={
        <p className={isOld ? 'verdict verdict-old' : 'verdict'}>
          <ToneMark tone={isOld ? 'calm' : verdict.tone} />
          {verdict.sentence}
        </p>
      }
    >
      {isLoading ? (
        <OverviewSkeleton />
      ) : (
        <>
          <OverviewTiles
            workers={workers}
            lanes={group === null ? lanes : lanes?.filter((lane) => lane.group === group)}
            outcomes={outcomes}
            stats={stats}
            isGroup={group !== null}
          />
          <div className="overview-columns">
            <ErrorBoundary>
              {feed.workers.size === 0 ? <EmptyFleet /> : <AttentionList items={attention} />}
            </ErrorBoundary>
            <ErrorBoundary>
              <RecentActivity />
            </ErrorBoundary>
          </div>
          <ErrorBoundary title={text.overview.charts.failedToLoad}>
            <Suspense fallback={<div className="charts overview-charts-space" />}>
              <OverviewCharts />
            </Suspense>
          </ErrorBoundary>
        </>
      )}
    </Page>
  )
}
