/** How long a function's tasks wait and run (C3) and how their times are spread over a day (C13). */
import { DurationHeatMap } from '../../charts/duration-stats.tsx'
import { WaitRunChart } from '../../charts/fleet-stats.tsx'
import type { CatalogueEntry } from '../invoke/parts/functions-data.ts'

export function FunctionCharts({ entry }: { entry: CatalogueEntry }) {
  const { group, name } = entry
  return (
    <>
      <WaitRunChart of={{ group, function: name }} />
      <DurationHeatMap group={group} function={name} />
    </>
  )
}
