/**
 * One worker's maintenance switch. It shows the feed's truth; a wish under way shows as pending and
 * takes no second press. What it cannot do it says, instead of being hidden.
 */
import type { WorkerView } from '@berth/protocol'
import { memo, useId } from 'react'
import { formatInstant, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

interface Props {
  readonly id: string
  readonly maintenance: WorkerView['maintenance']
  /** The wish under way, if any. */
  readonly pending: boolean | undefined
  readonly isConnected: boolean
  onSwitch(id: string, isOn: boolean): void
}

export const MaintenanceSwitch = memo(function MaintenanceSwitch(props: Props) {
  const { id, maintenance, pending, isConnected, onSwitch } = props
  const noteId = useId()
  const isOn = maintenance !== null
  const isByFile = maintenance?.by === 'file'
  const isOff = isByFile || !isConnected
  const isPending = pending !== undefined
  const note = noteOf(maintenance, isConnected)
  return (
    <div className="switch-cell">
      <button
        type="button"
        role="switch"
        className="switch"
        aria-checked={isOn}
        aria-label={text.workers.maintenance.label(id)}
        aria-disabled={isOff || undefined}
        aria-busy={isPending || undefined}
        aria-describedby={note ? noteId : undefined}
        data-pending={isPending || undefined}
        title={isConnected ? undefined : text.shell.connection.actionsOff}
        onClick={() => {
          if (!isOff && !isPending) onSwitch(id, !isOn)
        }}
      >
        <span className="switch-track" aria-hidden="true">
          <span className="switch-thumb" />
        </span>
        <span className="switch-word">{wordOf(isOn, pending)}</span>
      </button>
      {note && (
        <span id={noteId} className={isConnected ? 'switch-note' : 'only-heard'}>
          {note}
        </span>
      )}
    </div>
  )
})

function wordOf(isOn: boolean, pending: boolean | undefined): string {
  if (pending !== undefined)
    return pending ? text.workers.maintenance.switchingOn : text.workers.maintenance.switchingOff
  return isOn ? text.workers.maintenance.on : text.workers.maintenance.off
}

function noteOf(maintenance: WorkerView['maintenance'], isConnected: boolean): string | null {
  if (!isConnected) return text.shell.connection.actionsOff
  if (maintenance?.by === 'file') return text.workers.maintenance.byFile
  return maintenance && maintenanceWords(maintenance)
}

/** "by an operator, since 12:30:00, until 14:00:00. Reason: …" */
export function maintenanceWords(maintenance: NonNullable<WorkerView['maintenance']>): string {
  const until = formatInstant(maintenance.until)
  const head = [
    text.workers.maintenance.since(
      text.workers.maintenance.by[maintenance.by],
      formatInstant(maintenance.since),
    ),
    until && text.workers.maintenance.until(until),
  ]
    .filter(Boolean)
    .join(', ')
  return maintenance.reason
    ? `${head}. ${text.workers.maintenance.reason(visible(maintenance.reason))}`
    : head
}
