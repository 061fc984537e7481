/**
 * One worker of the table and, when expanded, its details below. Drawn again only when this worker,
 * its switch or its expansion changes. On narrow screens the style sheet makes a card of the row.
 */
import type { WorkerView } from '@berth/protocol'
import { memo } from 'react'
import { Icon, StateMark } from '../../kit/marks.tsx'
import { formatCount, formatMs, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { groupOf } from './fleet-facts.ts'
import { MaintenanceSwitch } from './maintenance-switch.tsx'
import { AgeCell, ShareCell, SlotsCell, TagChips, useIsStale } from './worker-cells.tsx'
import { WorkerDetails } from './worker-details.tsx'

export interface WorkerRowProps {
  readonly worker: WorkerView
  readonly pending: boolean | undefined
  readonly isConnected: boolean
  readonly isExpanded: boolean
  readonly columns: number
  onExpand(id: string): void
  onSwitch(id: string, isOn: boolean): void
}

export const WorkerRow = memo(function WorkerRow(props: WorkerRowProps) {
  const { worker, isExpanded } = props
  const isStale = useIsStale(worker.lastSeenAt)
  const detailsId = `details-${worker.id}`
  const names = text.workers.table.columns
  return (
    <>
      <tr className={isStale ? 'worker stale' : 'worker'} data-worker={worker.id} tabIndex={-1}>
        <th scope="row" className="cell cell-worker">
          <div className="worker-head">
            <button
              type="button"
              className="expand"
              aria-expanded={isExpanded}
              aria-controls={isExpanded ? detailsId : undefined}
              aria-label={text.workers.table.expand(worker.id)}
              onClick={() => props.onExpand(worker.id)}
            >
              <Icon name="chevron" />
            </button>
            <span className="worker-name">
              <span className="worker-id">{visible(worker.id)}</span>
              <span className="worker-url">{visible(worker.url)}</span>
            </span>
          </div>
        </th>
        <td className="cell cell-state" data-label={names.state}>
          <StateMark state={worker.status} />
          {worker.reason && worker.status !== 'maintenance' && (
            <span className="reason" title={visible(worker.reason)}>
              {visible(worker.reason)}
            </span>
          )}
        </td>
        <td className="cell cell-switch" data-label={names.maintenance}>
          <MaintenanceSwitch
            id={worker.id}
            maintenance={worker.maintenance}
            pending={props.pending}
            isConnected={props.isConnected}
            onSwitch={props.onSwitch}
          />
        </td>
        <td className="cell cell-slots" data-label={names.slots}>
          <SlotsCell slots={worker.slots} />
        </td>
        <td className="cell number value" data-label={names.cpu}>
          <ShareCell share={worker.system?.cpuLoad ?? null} />
        </td>
        <td className="cell number value" data-label={names.memory}>
          <ShareCell share={worker.system?.memoryUsed ?? null} />
        </td>
        <td className="cell cell-group" data-label={names.group}>
          {groupOf(worker) ?? <span className="unknown">{text.unknown}</span>}
        </td>
        <td className="cell cell-tags" data-label={names.tags}>
          <TagChips tags={worker.tags} />
        </td>
        <td
          className="cell number"
          data-label={names.functions}
          title={worker.functions.slice(0, 20).join(', ')}
        >
          {formatCount(worker.functions.length)}
        </td>
        <td className="cell cell-version" data-label={names.version}>
          {worker.version === null ? (
            <span className="unknown">{text.unknown}</span>
          ) : (
            visible(worker.version)
          )}
        </td>
        <td className="cell number value" data-label={names.latency}>
          {worker.latencyMs === null ? (
            <span className="unknown">{text.unknown}</span>
          ) : (
            formatMs(worker.latencyMs)
          )}
        </td>
        <td className="cell number" data-label={names.age}>
          <AgeCell at={worker.lastSeenAt} />
        </td>
      </tr>
      {isExpanded && (
        <tr className="details-row">
          <td className="details-cell" colSpan={props.columns} id={detailsId}>
            <WorkerDetails worker={worker} />
          </td>
        </tr>
      )}
    </>
  )
})
