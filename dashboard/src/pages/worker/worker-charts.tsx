/** The charts of a worker over the page's range: slots, load, outcomes, silence. Loaded when they are first drawn. */
import {
  HeartbeatChart,
  WorkerLoadCharts,
  WorkerOutcomesChart,
  WorkerSlotsChart,
} from '../../charts/worker-stats.tsx'

export function WorkerCharts({ worker }: { worker: string }) {
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
}
