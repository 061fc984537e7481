/**
 * Who has been served how much: the slot-time of each fairness key within its group, divided by the
 * key's weight. Written by placement.ts when an attempt takes and leaves its slots; read by the order
 * of the lanes. The invariant: who was away gains no credit, and owes only what it was served.
 */
import type { Line } from './line.ts'

/** Keys of a group that have nothing here are remembered up to this many. */
const MAX_IDLE = 1_000
const MIN_WEIGHT = 0.001

export class Flow {
  readonly key: string
  /** By function, '' for all that have none of their own; 1 unless set. */
  readonly #weights = new Map<string, number>()
  /** Slot-milliseconds served ÷ weight, on the group's common scale. */
  servedMs = 0
  waiting = 0
  /** Slots held by its attempts. */
  running = 0
  /** Its lines, one a lane in which it has somebody waiting. */
  readonly lines = new Set<Line>()
  readonly #group: FairGroup

  constructor(key: string, group: FairGroup) {
    this.key = key
    this.#group = group
  }

  get hasWeight(): boolean {
    return this.#weights.size > 0
  }

  weightFor(name: string): number {
    return this.#weights.get(name) ?? this.#weights.get('') ?? 1
  }

  /** Undefined takes it back. */
  setWeight(name: string, weight: number | undefined): void {
    if (weight === undefined) this.#weights.delete(name)
    else this.#weights.set(name, Math.max(weight, MIN_WEIGHT))
  }

  /** One more waits. Whoever had nobody waiting begins where the group is now. */
  join(): void {
    if (this.waiting++ === 0) this.servedMs = Math.max(this.servedMs, this.#group.servedMs)
  }

  leave(): void {
    this.waiting--
  }

  /** An attempt takes its slots; `weighedMs` is what it is expected to take, over all its slots, by its weight. */
  take(slots: number, weighedMs: number): void {
    this.running += slots
    this.#group.servedMs = this.servedMs
    this.#add(weighedMs)
  }

  /** An attempt is over: what was charged becomes what it took. */
  give(slots: number, weighedMs: number): void {
    this.running -= slots
    this.#add(weighedMs)
    if (this.running === 0 && this.waiting === 0) this.#group.dropIdle()
  }

  #add(ms: number): void {
    this.servedMs += ms
    for (const line of this.lines) line.lane.reorder(line)
  }
}

export class FairGroup {
  readonly flows = new Map<string, Flow>()
  /** Where the key stood that was served last. */
  servedMs = 0

  flow(key: string): Flow {
    const known = this.flows.get(key)
    if (known) return known
    const fresh = new Flow(key, this)
    this.flows.set(key, fresh)
    return fresh
  }

  /** Forgets the oldest keys that have nothing here and no weight of their own. */
  dropIdle(): void {
    if (this.flows.size <= MAX_IDLE) return
    for (const [key, { waiting, running, hasWeight }] of this.flows) {
      if (this.flows.size <= MAX_IDLE / 2) return
      if (waiting === 0 && running === 0 && !hasWeight) this.flows.delete(key)
    }
  }
}

export class Fairness {
  readonly #groups = new Map<string, FairGroup>()

  /** Only to look: a key that nobody has used yet has none. */
  peek(group: string, key: string): Flow | undefined {
    return this.#groups.get(group)?.flows.get(key)
  }

  flow(group: string, key: string): Flow {
    const known = this.#groups.get(group) ?? new FairGroup()
    this.#groups.set(group, known)
    return known.flow(key)
  }
}
