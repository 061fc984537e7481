/**
 * What an attempt has used, on its way over a link: DATA of kind usage, each the total of the attempt so far, so that
 * what a link or a balancer lost is made good by the next one. Made by `link-task.ts` with the first report of a task,
 * whatever its mode; survives the link, as durable runs do.
 * Invariant: with the END of its attempt the last total has been written, and of many in one tick only the last is.
 */
import { completeUsage, DATA_KIND, type Usage, UsageSum } from '@berth/protocol'
import type { Carrier } from './link-emitter.ts'

export class LinkUsage {
  readonly #number: () => number
  readonly #total = new UsageSum()
  #carrier: Carrier | undefined
  #isBehind = false
  #isDue = false

  /** `number`: the task's on the link it belongs to now. */
  constructor(number: () => number, carrier: Carrier | undefined) {
    this.#number = number
    this.#carrier = carrier
  }

  add(report: Usage): void {
    this.#total.add(completeUsage(report))
    this.#isBehind = true
    if (this.#isDue || !this.#carrier) return
    this.#isDue = true
    queueMicrotask(() => this.flush())
  }

  /** The task has a link, or another one, or none. Whoever is at the end of another may know nothing yet. */
  attach(carrier: Carrier | undefined): void {
    this.#carrier = carrier
    this.#isBehind = true
    this.flush()
  }

  /** Writes the total, unless it is written. */
  flush(): void {
    this.#isDue = false
    if (!this.#carrier || !this.#isBehind) return
    this.#isBehind = false
    this.#carrier.data(this.#number(), DATA_KIND.usage, Buffer.from(JSON.stringify(this.#total.toUsage())))
  }
}
