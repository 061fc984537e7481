/**
 * Gives the core its time: asks a few times a second whether an instant has come. One timer for all
 * tasks; 20 ms is finer than any limit a caller can notice.
 */
import type { Clock, Service } from '@berth/runtime'
import type { Scheduler } from './core/scheduler.ts'

const EVERY_MS = 20

export class SchedulerTicks implements Service {
  readonly name = 'scheduler'
  readonly #scheduler: Pick<Scheduler, 'nextAt' | 'tick'>
  readonly #clock: Clock
  #timer: NodeJS.Timeout | undefined

  constructor(scheduler: Pick<Scheduler, 'nextAt' | 'tick'>, clock: Clock) {
    this.#scheduler = scheduler
    this.#clock = clock
  }

  async start(): Promise<void> {
    this.#timer ??= setInterval(() => this.#look(), EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const now = this.#clock.monoMs()
    if (this.#scheduler.nextAt() <= now) this.#scheduler.tick(now)
  }
}
