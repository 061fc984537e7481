/**
 * Why tasks that have waited to the end of their time found nobody: said at that end, when no worker in
 * service could have taken them. Asked by lifecycle.ts. A whole line may end within a moment and a fleet has
 * thousands of workers, so what was found for a lane is said again for a second.
 */
import { capacityRefusal } from './admission.ts'
import type { Lane } from './lane.ts'
import type { Placement } from './placement.ts'

const KEPT_MS = 1_000

export class Absence {
  readonly #placement: Placement
  #lane: Lane | undefined
  #untilAt = Number.NEGATIVE_INFINITY
  #reason: string | undefined

  constructor(placement: Placement) {
    this.#placement = placement
  }

  /** Undefined while somebody in service could take tasks of the lane. */
  reasonFor(lane: Lane, now: number): string | undefined {
    if (lane === this.#lane && now < this.#untilAt) return this.#reason
    this.#lane = lane
    this.#untilAt = now + KEPT_MS
    this.#reason = capacityRefusal(lane, this.#placement, now)?.detail
    return this.#reason
  }
}
