/**
 * Who has been served how much: the slot-time of each fairness key within its group, divided by the
 * key's weight. Written by placement.ts when an attempt takes and leaves its slots; read by the order
 * of the lanes. The invariant: who was away gains no credit, and owes only what it was served.
 */
import type { Line } from './line.ts'

/** Keys of a group that have nothing here are remembered up to this many. */
const MAX_IDLE = 1_000

export class Flow {
  readonly key: string
  weight = 1
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

  /** One more waits. Whoever had nobody waiting begins where the group is now. */
  join(): void {
    if (this.waiting++ === 0) this.servedMs = Math.max(this.servedMs, this.#group.servedMs)
  }

  leave(): void {
    this.waiting--
  }

  /** An attempt takes its slots; `chargedMs` is what it is expected to take, over all its slots. */
  take(slots: number, chargedMs: number): void {
    this.running += slots
    this.#group.servedMs = this.servedMs
    this.#add(chargedMs)
  }

  /** An attempt is over: what was charged becomes what it took. */
  give(slots: number, correctionMs: number): void {
    this.running -= slots
    this.#add(correctionMs)
    if (this.running === 0 && this.waiting === 0) this.#group.dropIdle()
  }

  #add(ms: number): void {
    this.servedMs += ms / this.weight
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
    for (const [key, { waiting, running, weight }] of this.flows) {
      if (this.flows.size <= MAX_IDLE / 2) return
      if (waiting === 0 && running === 0 && weight === 1) this.flows.delete(key)
    }
  }
}

export class Fairness {
  readonly #groups = new Map<string, FairGroup>()

  flow(group: string, key: string): Flow {
    const known = this.#groups.get(group) ?? new FairGroup()
    this.#groups.set(group, known)
    return known.flow(key)
  }
}
