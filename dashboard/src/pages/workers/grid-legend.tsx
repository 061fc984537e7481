/** What the squares mean, with how many of each there are; a press shows those alone. */
import type { WorkerState, WorkerView } from '@berth/protocol'
import { StateMark } from '../../kit/marks.tsx'
import { formatCount } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { STATE_ORDER } from './fleet-facts.ts'
import type { Picked } from './worker-filter.ts'

interface Props {
  readonly workers: readonly WorkerView[]
  readonly picked: Picked
  onPick(state: WorkerState): void
}

export function GridLegend({ workers, picked, onPick }: Props) {
  const counts = new Map<WorkerState, number>()
  for (const { status } of workers) counts.set(status, (counts.get(status) ?? 0) + 1)
  const states = STATE_ORDER.filter((state) => counts.has(state)).reverse()
  return (
    <div className="grid-legend">
      <ul aria-label={text.workers.grid.legend}>
        {states.map((state) => (
          <li key={state}>
            <button
              type="button"
              className="legend-item"
              aria-pressed={picked.get('state')?.has(state) ?? false}
              onClick={() => onPick(state)}
            >
              <StateMark state={state} />
              <span className="muted">{formatCount(counts.get(state) ?? 0)}</span>
            </button>
          </li>
        ))}
      </ul>
      <span className="muted legend-note">{text.workers.grid.fill}</span>
    </div>
  )
}
