/**
 * Owns the answer to "may this worker take a task?": starting, ready, unready (a service is down),
 * maintenance, draining. Told by HTTP (`/on`, `/off`), the link (`maintenance`), the services and the process.
 *
 * Maintenance has two masters, kept apart: the worker's own (`POST /off` here) and an order that came over a
 * link (an operator's or the file's). An operator's `on` ends both, one of the file only its own.
 * Invariant: draining is final; listeners hear of every change of status or reason, and of nothing else.
 */
import type { MaintenanceOrder, WorkerStatus } from '@berth/protocol'

export class Condition {
  readonly #listeners = new Set<() => void>()
  #isStarting = true
  #isDraining = false
  #own: { reason: string } | undefined
  /** By the balancer that passed it on, so that two balancers do not end each other's. */
  readonly #orders = new Map<string, { reason: string; by: string }>()
  #downReason: string | undefined
  #shown = 'starting'

  get status(): WorkerStatus {
    if (this.#isDraining) return 'draining'
    if (this.#own || this.#orders.size > 0) return 'maintenance'
    if (this.#isStarting) return 'starting'
    return this.#downReason === undefined ? 'ready' : 'unready'
  }

  /** Why it is not ready, in words. */
  get reason(): string | undefined {
    const status = this.status
    if (status === 'draining') return 'the worker is shutting down'
    if (status === 'maintenance') return this.#maintenanceReason()
    return status === 'unready' ? this.#downReason : undefined
  }

  /** What waits may start: not while a service is down, but in maintenance and while draining. */
  get isRunnable(): boolean {
    return !this.#isStarting && this.#downReason === undefined
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** `POST /off` at the worker. */
  off(reason = 'POST /off at the worker'): void {
    this.#change(() => {
      this.#own = { reason }
    })
  }

  /** `POST /on` at the worker: ends its own maintenance, not an order's. */
  on(): void {
    this.#change(() => {
      this.#own = undefined
    })
  }

  /** A `maintenance` message of the balancer of this name. */
  obey(order: Pick<MaintenanceOrder, 'on' | 'by' | 'reason'>, balancer: string): void {
    this.#change(() => {
      if (order.on) this.#orders.set(balancer, { reason: order.reason ?? '', by: order.by })
      else this.#orders.delete(balancer)
      if (!order.on && order.by === 'operator') this.#own = undefined
    })
  }

  started(): void {
    this.#change(() => {
      this.#isStarting = false
    })
  }

  drain(): void {
    this.#change(() => {
      this.#isDraining = true
    })
  }

  /** Undefined when every service runs. */
  setDown(reason: string | undefined): void {
    this.#change(() => {
      this.#downReason = reason?.slice(0, 1024)
    })
  }

  #maintenanceReason(): string {
    const [order] = this.#orders.values()
    if (!order) return this.#own?.reason ?? ''
    const { by, reason } = order
    return `maintenance by ${by}${reason === '' ? '' : `: ${reason}`}`.slice(0, 1024)
  }

  #change(apply: () => void): void {
    apply()
    const shown = `${this.status} ${this.isRunnable} ${this.reason ?? ''}`
    if (shown === this.#shown) return
    this.#shown = shown
    for (const listener of [...this.#listeners]) listener()
  }
}
