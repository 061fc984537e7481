/**
 * The chart's memory: one point a second, the last 15 minutes. Filled by the feed, sent with each snapshot.
 * Invariant: points are in order of their seconds, one each; a second that was not seen is a gap.
 */
import type { FleetPoint } from '@berth/protocol'
import type { WorkerGauge } from '../ports/fleet.ts'
import type { Traffic } from '../ports/traffic.ts'

const SERIES_POINTS = 900

export class Series {
  #points: FleetPoint[] = []

  /** Oldest first. */
  get points(): readonly FleetPoint[] {
    return this.#points
  }

  /** A clock that was set back takes back what it will say again. */
  push(point: FleetPoint): void {
    while ((this.#points.at(-1)?.t ?? -Infinity) >= point.t) this.#points.pop()
    const oldest = point.t - SERIES_POINTS
    const kept = this.#points.filter(({ t }) => t > oldest)
    kept.push(point)
    this.#points = kept
  }
}

/** Makes one point a second from readings that come several times a second. */
export class PointMaker {
  #second: number | undefined
  #last: Traffic | undefined
  #hasReported = false

  /**
   * The point of the second that has ended since the last reading; undefined while it goes on. `gauges` is asked
   * only where there is one.
   */
  read(wallMs: number, gauges: () => Iterable<WorkerGauge>, traffic: Traffic): FleetPoint | undefined {
    const second = Math.floor(wallMs / 1000)
    const last = this.#last
    const isDue = this.#second !== undefined && second > this.#second
    this.#second = second
    if (last !== undefined && !isDue) return undefined
    this.#last = traffic
    if (last === undefined) return undefined
    return {
      t: second - 1,
      slots: this.#sum(gauges()),
      waiting: traffic.waiting,
      submitted: Math.max(0, traffic.submitted - last.submitted),
      completed: Math.max(0, traffic.completed - last.completed),
      failed: Math.max(0, traffic.failed - last.failed),
    }
  }

  /** Null until any worker has said how many it has. */
  #sum(gauges: Iterable<WorkerGauge>): FleetPoint['slots'] {
    const all = [...gauges]
    this.#hasReported ||= all.some(({ slots }) => slots !== null)
    return this.#hasReported ? sumSlots(all) : null
  }
}

/**
 * The fleet's slots by what they are good for. What runs counts as used wherever it runs; a slot is free only
 * where a task could go; of a stalled worker nothing is known but how many slots it has.
 */
export function sumSlots(workers: Iterable<WorkerGauge>): NonNullable<FleetPoint['slots']> {
  const sum = { used: 0, free: 0, maintenance: 0, stalled: 0 }
  for (const worker of workers) addSlots(sum, worker)
  return sum
}

/** One worker's share of it. */
export function addSlots(
  sum: { used: number; free: number; maintenance: number; stalled: number },
  { status, slots, maintenance }: WorkerGauge,
): void {
  if (slots === null) return
  const unused = Math.max(0, slots.limit - slots.used)
  if (status === 'stalled') sum.stalled += slots.limit
  else if (LINKED.has(status)) {
    sum.used += slots.used
    if (maintenance !== null || status === 'maintenance') sum.maintenance += unused
    else if (IN_SERVICE.has(status)) sum.free += unused
  }
}

const IN_SERVICE: ReadonlySet<string> = new Set(['ready', 'saturated'])
const LINKED: ReadonlySet<string> = new Set([
  'ready',
  'saturated',
  'maintenance',
  'unready',
  'draining',
  'leaving',
  'ejected',
])
