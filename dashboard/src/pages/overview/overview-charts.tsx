/**
 * The charts of the overview, loaded apart from the page: throughput, slots, wait and run, waiting by group.
 * Drawn again when their figures move on, not with every message of the feed that the page hears.
 */
import { memo } from 'react'
import { SlotsChart, ThroughputChart, WaitingByGroupChart, WaitRunChart } from '../../charts/fleet-stats.tsx'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'

export const OverviewCharts = memo(function OverviewCharts() {
  return (
    <div className="charts overview-charts">
      {[ThroughputChart, SlotsChart, WaitRunChart, WaitingByGroupChart].map((Chart) => (
        <ErrorBoundary key={Chart.name}>
          <Chart />
        </ErrorBoundary>
      ))}
    </div>
  )
})
