/**
 * What it would cost to put workers away: answered by `off` with `dryRun`, shown by the dialogs that ask first.
 * Pure but for the fleet's port, of which it only reads. Invariant: counts what takes work now; a worker that is
 * out of service already loses nothing, and what is not known is null.
 */
import type { WorkerView } from '@berth/protocol'
import type { DrainView, FleetPort } from '../ports/fleet.ts'

export interface MaintenanceEffect {
  /** That would go out of service; the others are out already. */
  readonly workers: number
  readonly slotsLost: number
  /** What runs there. */
  readonly running: number
  /** Milliseconds until the last of it is expected to end. */
  readonly remaining: number | null
  /** Runs that are expected to need longer than the deadline of the wish. */
  readonly exceeding: number
  /** Those that lose something. */
  readonly groups: readonly GroupEffect[]
  /** What nobody in service would serve any more. */
  readonly functionsLeft: readonly { group: string; contract: number; name: string }[]
}

/** A group under one contract. Slots are those of workers in service. */
export interface GroupEffect {
  readonly group: string
  readonly contract: number
  readonly workers: number
  readonly workersLeft: number
  readonly slots: number
  readonly slotsLost: number
  /** 0 … 1 */
  readonly slotsLostShare: number
  readonly freeLeft: number
}

export function effectOf(
  ids: readonly string[],
  deadline: string | null,
  fleet: Pick<FleetPort, 'workers' | 'drain'>,
): MaintenanceEffect {
  const away = new Set(ids)
  const serving = fleet.workers().filter(isServing)
  const leaving = serving.filter(({ id }) => away.has(id))
  const byGroup = Map.groupBy(serving, keyOf)
  const touched = [...Map.groupBy(leaving, keyOf).keys()]
  const parts = touched.map((key) => partOf(byGroup.get(key) ?? [], away))
  const drains = ids.flatMap((id) => fleet.drain(id, deadline) ?? [])
  return {
    workers: leaving.length,
    slotsLost: leaving.reduce(sumLimit, 0),
    ...sumDrains(drains),
    groups: parts.flatMap(({ group }) => group),
    functionsLeft: parts.flatMap(({ functionsLeft }) => functionsLeft),
  }
}

function partOf(workers: readonly WorkerView[], away: ReadonlySet<string>) {
  const [first] = workers
  const { group, contract } = { group: first?.group ?? '', contract: first?.contract ?? 0 }
  const lost = workers.filter(({ id }) => away.has(id))
  const stay = workers.filter(({ id }) => !away.has(id))
  const [slots, slotsLost] = [workers.reduce(sumLimit, 0), lost.reduce(sumLimit, 0)]
  const effect: GroupEffect = {
    group,
    contract,
    workers: workers.length,
    workersLeft: stay.length,
    slots,
    slotsLost,
    slotsLostShare: slots === 0 ? 0 : Math.round((1_000 * slotsLost) / slots) / 1_000,
    freeLeft: stay.reduce((sum, one) => sum + (one.slots?.available ?? 0), 0),
  }
  const functionsLeft = namesLeft(lost, stay).map((name) => ({ group, contract, name }))
  return { group: effect, functionsLeft }
}

/** Ends as soon as those who stay serve it all, which the first one mostly does. */
function namesLeft(lost: readonly WorkerView[], stay: readonly WorkerView[]): string[] {
  const names = new Set(lost.flatMap(({ functions }) => functions))
  for (const { functions } of stay) {
    for (const name of functions) names.delete(name)
    if (names.size === 0) break
  }
  return [...names].sort()
}

function sumDrains(
  drains: readonly DrainView[],
): Pick<MaintenanceEffect, 'running' | 'remaining' | 'exceeding'> {
  let [running, exceeding, longest] = [0, 0, 0]
  let isKnown = true
  for (const drain of drains) {
    running += drain.running
    exceeding += drain.exceeding.length
    if (drain.remaining === null) isKnown = false
    else longest = Math.max(longest, drain.remaining)
  }
  return { running, exceeding, remaining: isKnown ? longest : null }
}

function isServing({ status, group, contract }: WorkerView): boolean {
  return (status === 'ready' || status === 'saturated') && group !== null && contract !== null
}

function keyOf({ group, contract }: WorkerView): string {
  return `${group}@${contract}`
}

function sumLimit(sum: number, { slots }: WorkerView): number {
  return sum + (slots?.limit ?? 0)
}
