/** The charts of the overview, loaded apart from the page: throughput, slots, wait and run, waiting by group. */
import { SlotsChart, ThroughputChart, WaitingByGroupChart, WaitRunChart } from '../../charts/fleet-stats.tsx'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'

export function OverviewCharts() {
  return (
    <div className="charts overview-charts">
      {[ThroughputChart, SlotsChart, WaitRunChart, WaitingByGroupChart].map((Chart) => (
        <ErrorBoundary key={Chart.name}>
          <Chart />
        </ErrorBoundary>
      ))}
    </div>
  )
}
