/** Asks before the last ready worker of a group goes into maintenance, with the effect in numbers. */
import type { QueueView, WorkerView } from '@berth/protocol'
import { Dialog } from '../../kit/dialog.tsx'
import { text } from '../../text/text.ts'
import { groupOf } from './fleet-facts.ts'
import { effectOf, type MaintenanceControl } from './maintenance.ts'

/** Functions named in the dialog; more are counted. */
const NAMED_FUNCTIONS = 6

interface Props {
  readonly control: MaintenanceControl
  readonly workers: ReadonlyMap<string, WorkerView>
  readonly queue: QueueView | null
}

export function ConfirmMaintenance({ control, workers, queue }: Props) {
  const worker = control.asking === null ? undefined : workers.get(control.asking)
  if (!worker) return null
  const effect = effectOf(worker, workers.values())
  return (
    <Dialog title={text.workers.confirm.title(worker.id)} onClose={control.cancel}>
      <p className="dialog-lead">{text.workers.confirm.last(worker.id, groupOf(worker) ?? text.unknown)}</p>
      <ul className="dialog-facts">
        <li>{text.workers.confirm.running(effect.running)}</li>
        <li>{text.workers.confirm.slots(effect.slotsLost, effect.freeLeft)}</li>
        {queue && <li>{text.workers.confirm.waiting(queue.waiting)}</li>}
        {effect.functionsLost.length > 0 && (
          <li>
            {text.workers.confirm.functions(effect.functionsLost.length, namesOf(effect.functionsLost))}
          </li>
        )}
      </ul>
      <div className="dialog-actions">
        <button type="button" className="button" onClick={control.cancel}>
          {text.workers.confirm.cancel}
        </button>
        <button type="button" className="button button-strong" onClick={control.confirm}>
          {text.workers.confirm.action}
        </button>
      </div>
    </Dialog>
  )
}

function namesOf(functions: readonly string[]): string {
  const more = functions.length - NAMED_FUNCTIONS
  const names = functions.slice(0, NAMED_FUNCTIONS).join(', ')
  return more > 0 ? `${names} ${text.workers.confirm.more(more)}` : names
}
