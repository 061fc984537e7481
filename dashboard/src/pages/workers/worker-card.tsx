/** The card beside a square of the grid: who it is and how it is, without a click. */
import type { WorkerView } from '@berth/protocol'
import { StateMark } from '../../kit/marks.tsx'
import { formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { groupOf } from './fleet-facts.ts'
import { maintenanceWords } from './maintenance-switch.tsx'
import { AgeCell, SlotsCell, TagChips } from './worker-cells.tsx'

export const CARD_WIDTH = 260

/** Pixels within the grid. */
export type CardPlace =
  | { readonly left: number; readonly top: number }
  | { readonly left: number; readonly bottom: number }

export function WorkerCard({ worker, place }: { worker: WorkerView; place: CardPlace }) {
  const words = text.workers.table.columns
  const note = worker.maintenance
    ? maintenanceWords(worker.maintenance)
    : worker.reason && visible(worker.reason)
  return (
    <div className="worker-card" style={place} aria-hidden="true">
      <div className="worker-card-head">
        <strong>{visible(worker.id)}</strong>
        <StateMark state={worker.status} />
      </div>
      {note && <p className="muted">{note}</p>}
      <SlotsCell slots={worker.slots} />
      <dl className="worker-card-facts">
        <dt>{words.group}</dt>
        <dd>{visible(groupOf(worker) ?? text.unknown)}</dd>
        <dt>{words.cpu}</dt>
        <dd>{formatShare(worker.system?.cpuLoad ?? null)}</dd>
        <dt>{words.memory}</dt>
        <dd>{formatShare(worker.system?.memoryUsed ?? null)}</dd>
        <dt>{words.version}</dt>
        <dd>{visible(worker.version ?? text.unknown)}</dd>
        <dt>{words.age}</dt>
        <dd>
          <AgeCell at={worker.lastSeenAt} />
        </dd>
      </dl>
      <TagChips tags={worker.tags} limit={8} />
    </div>
  )
}
