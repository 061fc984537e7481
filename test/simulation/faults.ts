/**
 * What goes wrong in a run, and when. Each worker has one fault at a time and is well again before
 * the next: a crash while its link is cut would hide from everybody what had started, and the
 * contract lets a refused port count as "did not start" (see DESIGN.md).
 */
import type { Member } from './member.ts'
import type { FaultKind } from './scenario.ts'
import type { World } from './world.ts'

const MAX_JOINED = 6
const DRAIN_FROM_MS = 80

export function injectFaults(world: World): void {
  const { faults, serviceMs, workers } = world.scenario
  if (faults.kinds.length > 0) for (const id of world.workers.keys()) planFault(world, id)
  if (faults.foreignLoad === 0) return
  const slots = workers.reduce((sum, worker) => sum + worker.slots, 0)
  const everyMs = serviceMs / (slots * faults.foreignLoad)
  const visit = () => {
    if (world.events.now > world.troubleUntil) return
    const worker = world.random.pick([...world.workers.values()])
    worker.takeForeign(world.random.exponential(serviceMs))
    world.events.after(world.random.exponential(everyMs), visit)
  }
  world.events.after(everyMs, visit)
}

function planFault(world: World, id: string): void {
  const { faults } = world.scenario
  world.events.after(world.random.exponential(faults.everyMs), () => {
    const member = world.members.get(id)
    if (!member || member.isGone || world.events.now > world.troubleUntil) return
    if (member.isWell) inject(world, member, world.random.pick(faults.kinds))
    planFault(world, id)
  })
}

function inject(world: World, member: Member, kind: FaultKind): void {
  const { random, events } = world
  const worker = world.workers.get(member.id)
  if (!worker) return
  if (kind === 'crash') member.crash(random.logarithmic(10, 1_000))
  else if (kind === 'freeze') worker.freeze(random.logarithmic(20, 4_000))
  else if (kind === 'cut') member.cut(random.logarithmic(1, 600))
  else if (kind === 'leave') leave(world, member)
  else if (kind === 'join') join(world)
  else if (random.chance(0.5)) {
    const ms = random.logarithmic(10, 500)
    member.setMaintenance(true)
    // The longer ones have a deadline: what still runs then is told to end.
    if (ms > DRAIN_FROM_MS) events.after(ms / 4, () => member.empty(ms / 4))
    events.after(ms, () => member.setMaintenance(false))
  } else {
    worker.setReady(false)
    events.after(random.logarithmic(10, 500), () => worker.setReady(true))
  }
}

/** Two workers always stay. */
function leave(world: World, member: Member): void {
  const staying = [...world.members.values()].filter(({ isGone }) => !isGone)
  if (staying.length > 2) member.leave()
}

function join(world: World): void {
  const { scenario, workers, random } = world
  if (workers.size >= scenario.workers.length + MAX_JOINED) return
  world.join({ slots: random.integer(1, 12), weight: 1, zone: random.pick(['eu', 'us']) })
  planFault(world, `w${workers.size - 1}`)
}
