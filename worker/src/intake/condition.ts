/**
 * Owns the answer to "may this worker take a task?": starting, ready, unready (a service is down),
 * maintenance, draining. Told by HTTP (`/on`, `/off`), the link (`maintenance`), the services and the process.
 *
 * Maintenance has two masters, kept apart: the worker's own (`POST /off` here) and orders that came over links
 * (an operator's or the file's), one a balancer, told apart by their boot ids since names may be shared. An
 * order ends when its balancer says so, when a linked one of the same name gives orders in its place, or
 * when its balancer has had no link for its lease: nobody is left to hold it. An operator's `on` ends the
 * worker's own, every operator's order, and the file's of balancers that are away.
 * Invariant: draining is final; listeners hear of every change of status or reason, and of nothing else.
 */
import type { MaintenanceOrder, Welcome, WorkerStatus } from '@berth/protocol'
import { startTimer } from '../attempt/timer.ts'

interface Balancer {
  readonly name: string
  links: number
  order: { readonly reason: string; readonly by: string } | undefined
  /** Runs while it has an order and no link. */
  stopLease: (() => void) | undefined
}

export class Condition {
  readonly #listeners = new Set<() => void>()
  #isStarting = true
  #isDraining = false
  #own: { reason: string } | undefined
  /** By boot id: those that are linked, and those whose order outlasts their link for a lease. */
  readonly #balancers = new Map<string, Balancer>()
  #downReason: string | undefined
  #shown = 'starting'
  /** Asked several times a task, so it is told anew only when something changes. */
  #status: WorkerStatus = 'starting'

  get status(): WorkerStatus {
    return this.#status
  }

  #judge(): WorkerStatus {
    if (this.#isDraining) return 'draining'
    if (this.#own || this.#order) return 'maintenance'
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

  /** A link of this balancer is welcomed. */
  link({ bootId, name }: Pick<Welcome, 'bootId' | 'name'>): void {
    const balancer = this.#balancers.get(bootId) ?? { name, links: 0, order: undefined, stopLease: undefined }
    this.#balancers.set(bootId, balancer)
    balancer.stopLease?.()
    balancer.links++
  }

  /** A welcomed link of this balancer has ended. */
  unlink(bootId: string, leaseMs: number): void {
    const balancer = this.#balancers.get(bootId)
    if (!balancer || --balancer.links > 0) return
    if (!balancer.order || this.#isDraining) this.#forget(bootId)
    else balancer.stopLease = startTimer(leaseMs, () => this.#change(() => this.#forget(bootId)))
  }

  /** A `maintenance` message of the linked balancer of this boot. */
  obey({ on, by, reason = '' }: Pick<MaintenanceOrder, 'on' | 'by' | 'reason'>, bootId: string): void {
    const balancer = this.#balancers.get(bootId)
    if (!balancer) return
    this.#change(() => {
      balancer.order = on ? { reason, by } : undefined
      for (const [id, { name, links }] of this.#balancers)
        if (links === 0 && name === balancer.name) this.#forget(id)
      if (!on && by === 'operator') this.#switchOn()
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
      for (const { stopLease } of this.#balancers.values()) stopLease?.()
    })
  }

  /** Undefined when every service runs. */
  setDown(reason: string | undefined): void {
    this.#change(() => {
      this.#downReason = reason?.slice(0, 1024)
    })
  }

  get #order(): Balancer['order'] {
    for (const { order } of this.#balancers.values()) if (order) return order
    return undefined
  }

  #switchOn(): void {
    this.#own = undefined
    for (const [id, balancer] of this.#balancers) {
      if (balancer.links === 0) this.#forget(id)
      else if (balancer.order?.by !== 'file') balancer.order = undefined
    }
  }

  #forget(bootId: string): void {
    this.#balancers.get(bootId)?.stopLease?.()
    this.#balancers.delete(bootId)
  }

  #maintenanceReason(): string {
    const order = this.#order
    if (!order) return this.#own?.reason ?? ''
    const { by, reason } = order
    return `maintenance by ${by}${reason === '' ? '' : `: ${reason}`}`.slice(0, 1024)
  }

  #change(apply: () => void): void {
    apply()
    this.#status = this.#judge()
    const shown = `${this.status} ${this.isRunnable} ${this.reason ?? ''}`
    if (shown === this.#shown) return
    this.#shown = shown
    for (const listener of [...this.#listeners]) listener()
  }
}
