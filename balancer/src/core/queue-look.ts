/**
 * What waits, in figures and in order, for an operator's page. Called on demand through the scheduler; nothing here
 * changes anything. Invariant: the work is bounded by lanes, classes and the tasks asked for, never by what waits.
 */
import type { HeldWord, KeyShare, LanePicture, QueuePicture, WaitingPicture } from '../ports/queue-look.ts'
import type { Lane } from './lane.ts'
import { hasWaitedLonger } from './line.ts'
import { LineUp } from './line-up.ts'
import type { Placement } from './placement.ts'
import type { Task } from './task.ts'
import type { WorkerClass } from './worker-class.ts'

/** Lanes that are shown, those with the most that wait. */
const MAX_LANES = 500
const MAX_KEYS = 20
/** Lines of a lane that are looked at for its shares. */
const MAX_LINES = 200

interface Capacity {
  readonly capable: number
  readonly free: number
}

export class QueueLook {
  readonly #placement: Placement

  constructor(placement: Placement) {
    this.#placement = placement
  }

  queue(group: string | undefined, limit: number, now: number): QueuePicture {
    const lanes = [...this.#placement.directory.lanes.values()].filter(
      ({ needs }) => group === undefined || needs.group === group,
    )
    const shown = lanes.toSorted((a, b) => b.waiting - a.waiting).slice(0, MAX_LANES)
    const capacities = new Map<WorkerClass, Capacity>()
    return {
      lanes: shown.map((lane) => pictureOf(lane, capacityOf(lane, capacities))),
      waiting: lanes.reduce((sum, { waiting }) => sum + waiting, 0),
      head: this.#headOf(lanes, limit, now),
    }
  }

  #headOf(lanes: readonly Lane[], limit: number, now: number): WaitingPicture[] {
    const groups = [...Map.groupBy(lanes, ({ needs }) => needs.group).values()]
    const heads = groups.map((own) =>
      [...new LineUp(own, limit).take(limit)].map((task, at) => ({ task, position: at + 1 })),
    )
    return mix(heads, limit).map(({ task, position }) => this.#waitingOf(task, position, now))
  }

  #waitingOf(task: Task, position: number, now: number): WaitingPicture {
    const { submission, lane } = task
    return {
      run: submission.run,
      position,
      group: submission.group,
      contract: lane?.needs.contract ?? 0,
      function: submission.function,
      priority: task.priority,
      fairnessKey: submission.fairnessKey,
      waitsSinceAt: task.waitsSinceAt,
      why: this.#whyHeld(task, now),
    }
  }

  #whyHeld(task: Task, now: number): HeldWord {
    const { gates } = this.#placement
    if (gates.areAnySet) {
      if (gates.pauseOf(task, now)) return 'paused'
      const openAt = gates.openAt(task, now)
      if (openAt > now) return Number.isFinite(openAt) ? 'rate' : 'concurrency'
    }
    for (const serving of task.lane?.classes ?? []) if (serving.inService.length > 0) return 'no_slot'
    return 'no_worker'
  }
}

interface Placed {
  readonly task: Task
  readonly position: number
}

/** One list of several, each of which keeps its order: the more urgent head goes first, then the one that waits longer. */
function mix(heads: readonly (readonly Placed[])[], limit: number): Placed[] {
  if (heads.length === 1) return [...(heads[0] ?? [])]
  const at = heads.map(() => 0)
  const mixed: Placed[] = []
  while (mixed.length < limit) {
    let best = -1
    for (const [index, head] of heads.entries()) {
      const next = head[at[index] ?? 0]
      const leader = best < 0 ? undefined : heads[best]?.[at[best] ?? 0]
      if (next && (!leader || isFirst(next.task, leader.task))) best = index
    }
    const chosen = best < 0 ? undefined : heads[best]?.[at[best] ?? 0]
    if (!chosen) break
    mixed.push(chosen)
    at[best] = (at[best] ?? 0) + 1
  }
  return mixed
}

function isFirst(a: Task, b: Task): boolean {
  return a.urgency !== b.urgency ? a.urgency < b.urgency : hasWaitedLonger(a, b)
}

function pictureOf(lane: Lane, { capable, free }: Capacity): LanePicture {
  const { group, contract, function: name, selector } = lane.needs
  return {
    group,
    contract,
    function: name,
    selector: selector.key,
    waiting: lane.waiting,
    hasMore: lane.hasMoreOnDisk,
    oldestAt: lane.oldest?.waitsSinceAt,
    capable,
    free,
    fairness: sharesOf(lane),
  }
}

/** None where nobody names a key. */
function sharesOf(lane: Lane): KeyShare[] {
  const shares: KeyShare[] = []
  let looked = 0
  for (const { flow, tasks } of lane.lines()) {
    if (++looked > MAX_LINES) break
    if (!flow) continue
    const { key, running } = flow
    shares.push({ key, weight: flow.weightFor(lane.needs.function), running, waiting: tasks.size })
  }
  return shares.sort((a, b) => b.waiting - a.waiting).slice(0, MAX_KEYS)
}

function capacityOf(lane: Lane, known: Map<WorkerClass, Capacity>): Capacity {
  let capable = 0
  let free = 0
  for (const serving of lane.classes) {
    const own = known.get(serving) ?? countOf(serving)
    known.set(serving, own)
    capable += own.capable
    free += own.free
  }
  return { capable, free }
}

function countOf({ inService }: WorkerClass): Capacity {
  return {
    capable: inService.length,
    free: inService.reduce((sum, worker) => sum + Math.max(0, worker.free), 0),
  }
}
