/** The charts of a worker over the page's range: slots, load, outcomes, silence. Loaded when they are first drawn. */
import { memo } from 'react'
import {
  HeartbeatChart,
  WorkerLoadCharts,
  WorkerOutcomesChart,
  WorkerSlotsChart,
} from '../../charts/worker-stats.tsx'

/** Its page is drawn at every word of the feed; charts change with what they read alone. */
export const WorkerCharts = memo(function WorkerCharts({ worker }: { worker: string }) {
  return (
    <div className="worker-charts">
      <WorkerSlotsChart worker={worker} />
      <WorkerOutcomesChart worker={worker} />
      <HeartbeatChart worker={worker} />
      <div className="worker-load">
        <WorkerLoadCharts worker={worker} />
      </div>
    </div>
  )
})
