/** `/dashboard/workers`: the verdict, the figures, the last minutes, every worker, the balancer's log. */
import { lazy, Suspense, useEffect, useState } from 'react'
import { useFeed } from '../../feed/use-feed.tsx'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'
import { LogTail } from '../../kit/log-tail.tsx'
import { Icon, ToneMark } from '../../kit/marks.tsx'
import { text } from '../../text/text.ts'
import { ConfirmMaintenance } from './confirm-maintenance.tsx'
import { EmptyFleet } from './empty-fleet.tsx'
import { factsOf, toneOfFleet, verdictOf } from './fleet-facts.ts'
import { useMaintenance } from './maintenance.ts'
import { WorkersSkeleton } from './skeleton.tsx'
import { Tiles } from './tiles.tsx'
import { WorkerTable } from './worker-table.tsx'

const FleetCharts = lazy(async () => ({
  default: (await import('../../charts/fleet-charts.tsx')).FleetCharts,
}))

export function WorkersPage() {
  const { feed, link } = useFeed()
  const control = useMaintenance()
  const facts = factsOf(feed.workers.values(), feed.queue)
  const isLoading = feed.seq === null
  const isOld = isLoading || link.phase !== 'live'
  const name = feed.balancer?.name ?? null
  useEffect(() => {
    document.title = text.shell.pageTitle(text.workers.verdict.page, name)
  }, [name])
  return (
    <>
      <div className="page-head">
        <h1>{text.workers.verdict.page}</h1>
        <p className={isOld ? 'verdict verdict-old' : 'verdict'}>
          <ToneMark tone={isOld ? 'calm' : toneOfFleet(facts)} />
          {isLoading ? text.workers.verdict.loading : verdictOf(facts, text)}
        </p>
      </div>
      {isLoading ? (
        <WorkersSkeleton />
      ) : (
        <>
          <Tiles facts={facts} />
          <ErrorBoundary title={text.charts.failedToLoad}>
            <Suspense fallback={<ChartsSpace />}>
              <FleetCharts />
            </Suspense>
          </ErrorBoundary>
          <ErrorBoundary>
            {feed.workers.size === 0 ? (
              <EmptyFleet />
            ) : (
              <WorkerTable workers={feed.workers} control={control} isConnected={link.phase === 'live'} />
            )}
          </ErrorBoundary>
          <ErrorBoundary>
            <BalancerLog />
          </ErrorBoundary>
        </>
      )}
      <ConfirmMaintenance control={control} workers={feed.workers} queue={feed.queue} />
    </>
  )
}

/** Keeps the charts' place while their code arrives. */
function ChartsSpace() {
  return (
    <>
      <div className="charts-head" />
      <div className="charts">
        <div className="panel chart-panel" />
        <div className="panel chart-panel" />
      </div>
    </>
  )
}

function BalancerLog() {
  const [isOpen, setOpen] = useState(false)
  return (
    <section className="panel log-panel">
      <button type="button" className="panel-toggle" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <Icon name="chevron" />
        <h2>{text.logs.tail.balancer}</h2>
        <span className="muted">{isOpen ? text.logs.tail.hide : text.logs.tail.show}</span>
      </button>
      {isOpen && <LogTail source="logs" label={text.logs.tail.balancer} fileName="balancer.txt" isTitled />}
    </section>
  )
}
