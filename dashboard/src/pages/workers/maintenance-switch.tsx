/**
 * One worker's maintenance switch with its note. It shows the feed's truth; a wish under way shows as pending and
 * takes no second press. What it cannot do it says, instead of being hidden.
 */
import type { WorkerView } from '@berth/protocol'
import { memo } from 'react'
import { Switch } from '../../kit/switch.tsx'
import { formatInstant, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

interface Props {
  readonly id: string
  readonly maintenance: WorkerView['maintenance']
  /** The wish under way, if any. */
  readonly pending: boolean | undefined
  readonly disabledWhy: string | undefined
  onSwitch(id: string, isOn: boolean): void
}

export const MaintenanceSwitch = memo(function MaintenanceSwitch(props: Props) {
  const { id, maintenance, pending, disabledWhy, onSwitch } = props
  const isOn = maintenance !== null
  const note = maintenance && maintenanceWords(maintenance)
  return (
    <span className="switch-cell">
      <Switch
        label={text.workers.maintenance.label(visible(id))}
        checked={isOn}
        pending={pending !== undefined}
        disabledWhy={
          disabledWhy ?? (maintenance?.by === 'file' ? text.workers.maintenance.byFile : undefined)
        }
        onChange={(next) => onSwitch(id, next)}
      >
        {wordOf(isOn, pending)}
      </Switch>
      {note && (
        <span className="switch-note" title={note}>
          {note}
        </span>
      )}
    </span>
  )
})

function wordOf(isOn: boolean, pending: boolean | undefined): string {
  const words = text.workers.maintenance
  if (pending !== undefined) return pending ? words.switchingOn : words.switchingOff
  return isOn ? words.on : words.off
}

/** "by an operator, since 12:30:00, until 14:00:00. Reason: …" */
export function maintenanceWords(maintenance: NonNullable<WorkerView['maintenance']>): string {
  const words = text.workers.maintenance
  const until = formatInstant(maintenance.until)
  const head = [
    words.since(words.by[maintenance.by], formatInstant(maintenance.since)),
    until && words.until(until),
  ]
    .filter(Boolean)
    .join(', ')
  return maintenance.reason ? `${head}. ${words.reason(visible(maintenance.reason))}` : head
}
