/** The charts of the overview, loaded apart from the page. */
import { FleetCharts } from '../../charts/fleet-charts.tsx'

export function OverviewCharts() {
  return <FleetCharts />
}
