/**
 * What one worker is told of its maintenance, and when it has heard it. Kept by a member, which passes
 * an order after every welcome and every change, and lifts it before it leaves the worker for good.
 * Invariant: `isObeyed` is true only once the worker has read the last order that was passed.
 */

import { orderOf } from './maintenance.ts'
import type { Picture } from './picture.ts'
import type { WorkerLink } from './worker-link.ts'

export class MaintenanceOrders {
  readonly #picture: Picture
  #pingId: number | undefined
  #isObeyed = false

  constructor(picture: Picture) {
    this.#picture = picture
  }

  /** Whether an operator's `on` has been read: states that come from now on were made behind it. */
  get isObeyed(): boolean {
    return this.#isObeyed
  }

  /** Tells the worker what file and operator want, so that its own /health agrees. */
  pass(link: WorkerLink | undefined, takePing: () => number): void {
    this.#pingId = undefined
    this.#isObeyed = false
    link?.message({ type: 'maintenance', ...orderOf(this.#picture) })
    if (!link || !this.#picture.isSwitchedOn) return
    this.#pingId = takePing()
    link.message({ type: 'ping', id: this.#pingId })
  }

  onPong(id: number): void {
    if (id === this.#pingId) this.#isObeyed = true
  }

  /** Nobody is there to end its maintenance once it is off the list; its own is left to it. */
  lift(link: WorkerLink | undefined): void {
    if (orderOf(this.#picture).on) link?.message({ type: 'maintenance', on: false, by: 'file' })
  }
}
