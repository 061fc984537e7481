/**
 * The three masters of a worker's maintenance (CONTRACT §4): the file, an operator, the worker
 * itself. Pure: says who keeps it out of service, and what it is to be told so that its own /health
 * agrees. Asked by picture.ts and by the member after every welcome and every change.
 */
import type { MaintenanceOrder, WorkerEntry, WorkerStatus, WorkerView } from '@berth/protocol'
import type { MaintenanceIntent } from '../ports/store.ts'

export interface Masters {
  readonly entry: WorkerEntry
  /** An operator's `off`. */
  readonly intent: MaintenanceIntent | undefined
  /** An operator's `on` that the worker has not confirmed: it ends the worker's own maintenance too. */
  readonly isSwitchedOn: boolean
  readonly report: { readonly status: WorkerStatus; readonly reason: string | undefined } | undefined
}

const NOTHING_MORE = { since: null, until: null, owner: null, deadline: null }

/** Who says so and why; null in service. */
export function maintenanceOf(masters: Masters): WorkerView['maintenance'] {
  const { entry, intent, report, isSwitchedOn } = masters
  if (entry.maintenance) return { ...NOTHING_MORE, reason: 'workers.json says maintenance', by: 'file' }
  if (intent) {
    const { reason, since, until, by: owner, deadline } = intent
    return { reason, by: 'operator', since, until, owner, deadline }
  }
  if (report?.status !== 'maintenance' || isSwitchedOn) return null
  return { ...NOTHING_MORE, reason: report.reason ?? null, by: 'worker' }
}

/** What file and operator want of the worker. `by: operator` with `on: false` ends its own as well. */
export function orderOf({ entry, intent, isSwitchedOn }: Masters): Omit<MaintenanceOrder, 'type' | 'at'> {
  if (entry.maintenance) return { on: true, by: 'file' }
  if (!intent) return { on: false, by: isSwitchedOn ? 'operator' : 'file' }
  const { reason, until } = intent
  return { on: true, by: 'operator', ...(reason ? { reason } : {}), ...(until ? { until } : {}) }
}

/** True when the instant at which an operator's `off` ends by itself has come. */
export function isOver(intent: MaintenanceIntent | undefined, wallMs: number): boolean {
  return intent?.until != null && Date.parse(intent.until) <= wallMs
}

/** True when what still runs there is to be ended. */
export function isPastDeadline(
  intent: MaintenanceIntent | undefined,
  wallMs: number,
): intent is MaintenanceIntent {
  return intent?.deadline != null && Date.parse(intent.deadline) <= wallMs
}
