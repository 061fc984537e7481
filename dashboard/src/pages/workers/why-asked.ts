/** Why a question stands before one worker's maintenance. */
import type { WorkerView } from '@berth/protocol'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import type { MaintenanceEffect } from './maintenance.ts'

export function whyAsked(worker: WorkerView, { isLastReady, functionsLost }: MaintenanceEffect): string {
  const words = text.workers.confirm
  const id = visible(worker.id)
  if (!isLastReady) return words.lastFor(id, functionsLost.length)
  return words.last(
    id,
    worker.group === null ? text.unknown : `${visible(worker.group)}@${worker.contract ?? '?'}`,
  )
}
