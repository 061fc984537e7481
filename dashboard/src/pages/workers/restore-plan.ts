/**
 * The way back from a maintenance of many: what each worker had before, as the requests that bring it back. Pure.
 * What an operator had said before is said again with its own reason and instants; what nobody had said is ended;
 * what the file or the worker itself says was never changed.
 */

import type { WorkerView } from '@berth/protocol'
import { groupBy } from './group-by.ts'

export type RestoreStep =
  | { readonly path: '/fleet/on'; readonly body: { readonly select: Select } }
  | { readonly path: '/fleet/off'; readonly body: OffBody }

interface Select {
  readonly workers: readonly string[]
}

interface OffBody {
  readonly select: Select
  readonly reason?: string
  readonly until?: string
  readonly deadline?: string
}

/** `changed`: the ids that the balancer said it had changed. Instants that have passed by `nowMs` are left out. */
export function planRestore(
  before: readonly WorkerView[],
  changed: ReadonlySet<string>,
  nowMs: number,
): readonly RestoreStep[] {
  const meant = before.filter(({ id }) => changed.has(id))
  const inService = meant.filter(({ maintenance }) => maintenance?.by !== 'operator').map(({ id }) => id)
  const said = groupBy(
    meant.filter(({ maintenance }) => maintenance?.by === 'operator'),
    (worker) => JSON.stringify(termsOf(worker, nowMs)),
  )
  const on: RestoreStep[] =
    inService.length > 0 ? [{ path: '/fleet/on', body: { select: { workers: inService } } }] : []
  const off = [...said.values()].flatMap((workers): RestoreStep[] => {
    const [first] = workers
    if (!first) return []
    const select = { workers: workers.map(({ id }) => id) }
    return [{ path: '/fleet/off', body: { select, ...termsOf(first, nowMs) } }]
  })
  return [...on, ...off]
}

function termsOf({ maintenance }: WorkerView, nowMs: number): Omit<OffBody, 'select'> {
  const { reason, until, deadline } = maintenance ?? {}
  return {
    ...(reason ? { reason } : {}),
    ...(isAhead(until, nowMs) ? { until } : {}),
    ...(isAhead(deadline, nowMs) ? { deadline } : {}),
  }
}

function isAhead(instant: string | null | undefined, nowMs: number): instant is string {
  return instant != null && Date.parse(instant) > nowMs
}
