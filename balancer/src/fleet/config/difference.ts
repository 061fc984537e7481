/**
 * What another list of workers would change: against the list in force, and for the fleet as it is now. Pure; asked
 * by workers-config.ts for dry runs, and for what the history says of a version.
 */
import { canonicalJson, type WorkerEntry, type WorkerState, type WorkerView } from '@berth/protocol'
import type { FunctionView } from '../../ports/fleet.ts'
import type { ConfigDifference, ConfigImpact } from '../../ports/workers-config.ts'

const FIELDS = ['url', 'key', 'weight', 'maintenance', 'group', 'tags', 'start'] as const
const NONE: ReadonlySet<string> = new Set()

/**
 * A `key` of one of `written` counts as changed whatever it is: who may not know a key must not learn from the
 * difference whether a guess is right.
 */
export function compareLists(
  before: readonly WorkerEntry[],
  after: readonly WorkerEntry[],
  written: ReadonlySet<string> = NONE,
): ConfigDifference {
  const known = new Map(before.map((entry) => [entry.id, entry]))
  const wanted = new Set(after.map(({ id }) => id))
  return {
    added: after.filter(({ id }) => !known.has(id)).map(({ id }) => id),
    removed: before.filter(({ id }) => !wanted.has(id)).map(({ id }) => id),
    changed: after.flatMap((entry) => {
      const earlier = known.get(entry.id)
      const isChanged = (field: (typeof FIELDS)[number]) =>
        (field === 'key' && written.has(entry.id)) || isOther(earlier?.[field], entry[field])
      const fields = earlier ? FIELDS.filter(isChanged) : []
      return fields.length > 0 ? [{ id: entry.id, fields }] : []
    }),
  }
}

function isOther(before: unknown, after: unknown): boolean {
  return before !== after && canonicalJson(before ?? null) !== canonicalJson(after ?? null)
}

export function isSame({ added, removed, changed }: ConfigDifference): boolean {
  return added.length + removed.length + changed.length === 0
}

/** Takes tasks, or does as soon as a slot is free. */
const IN_SERVICE: ReadonlySet<WorkerState> = new Set(['ready', 'saturated'])

/**
 * What is lost while the new list settles. A worker that is reached at another URL is lost as well: who answers there
 * has yet to show what it serves.
 */
export function measureImpact(
  difference: ConfigDifference,
  after: readonly WorkerEntry[],
  fleet: { readonly workers: readonly WorkerView[]; readonly functions: readonly FunctionView[] },
): ConfigImpact {
  const lost = findLost(difference, after)
  const inService = fleet.workers.filter(({ status }) => IN_SERVICE.has(status))
  const slotsOf = (workers: readonly WorkerView[]) =>
    workers.reduce((sum, { slots }) => sum + (slots?.limit ?? 0), 0)
  const slotsLost = slotsOf(inService.filter(({ id }) => lost.has(id)))
  const total = slotsOf(inService)
  const leaving = fleet.workers.filter(({ id, status }) => lost.has(id) && status !== 'leaving')
  const staying = new Set(inService.filter(({ id }) => !lost.has(id)).map(({ id }) => id))
  const going = new Set(inService.filter(({ id }) => lost.has(id)).map(({ id }) => id))
  return {
    slotsLost,
    slotsLostShare: total === 0 ? 0 : slotsLost / total,
    running: leaving.reduce((sum, { slots }) => sum + (slots?.used ?? 0), 0),
    functionsLeft: fleet.functions
      .filter(({ workers }) => workers.some((id) => going.has(id)) && !workers.some((id) => staying.has(id)))
      .map(({ group, contract, name }) => ({ group, contract, name })),
  }
}

function findLost(
  { removed, changed }: ConfigDifference,
  after: readonly WorkerEntry[],
): ReadonlySet<string> {
  const isInMaintenance = new Set(after.filter(({ maintenance }) => maintenance).map(({ id }) => id))
  const stopped = changed.filter(
    ({ id, fields }) => fields.includes('url') || (fields.includes('maintenance') && isInMaintenance.has(id)),
  )
  return new Set([...removed, ...stopped.map(({ id }) => id)])
}
