/**
 * Gives every attempt its seat: who runs which function, and how it is made ready. Made by `compose.ts`, asked by the
 * orders of `direct/` and `link-task.ts` when they have their slots.
 */
import type { RegisteredFunction } from '../registry.ts'
import { MainRunner, type Runner, type RunnerPorts } from './main-seat.ts'
import type { Claimed, Seat } from './seat.ts'

export class Runners {
  readonly #runners: ReadonlyMap<string, Runner>

  constructor(functions: readonly RegisteredFunction[], ports: RunnerPorts) {
    this.#runners = new Map(functions.map((fn) => [fn.name, new MainRunner(fn, ports)]))
  }

  /** At once when there is nothing to prepare; otherwise when it is ready, or could not be made ready. */
  claim(fn: RegisteredFunction): Seat | Promise<Claimed> {
    const runner = this.#runners.get(fn.name)
    if (!runner) throw new RangeError(`"${fn.name}" is none of this worker's functions`)
    return runner.claim()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()))
  }
}
