/**
 * Gives every attempt its seat: who runs which function, and how it is made ready. Made by `compose.ts`, asked by the
 * orders of `direct/` and `link-task.ts` when they have their slots.
 */
import type { RegisteredFunction } from '../functions/registry.ts'
import { type CommandPorts, CommandRunner, commandOf } from './command-seat.ts'
import { MainRunner, type Runner } from './main-seat.ts'
import type { Claimed, Seat } from './seat.ts'
import { type PoolPorts, ThreadPool, ThreadRunner } from './thread-pool.ts'
import { Warden } from './warden.ts'
import { Warmth } from './warmth.ts'

export class Runners {
  readonly #runners: ReadonlyMap<string, Runner>
  readonly #pool: ThreadPool
  readonly #warden = new Warden()
  readonly warmth: Warmth

  constructor(functions: readonly RegisteredFunction[], ports: PoolPorts) {
    const pool = new ThreadPool(ports, () => this.warmth.topUp())
    this.#pool = pool
    this.#runners = new Map(
      functions.map((fn) => [fn.name, runnerOf(fn, pool, { ...ports, warden: this.#warden })]),
    )
    const runnerNamed = (name: string) => this.#runners.get(name)
    this.warmth = new Warmth({ functions, runnerOf: runnerNamed, slots: ports.size, log: ports.log })
  }

  /** Function threads that exist. */
  get threads(): number {
    return this.#pool.count
  }

  /** A call of it that nobody here waits for had better not begin now. */
  isCrowded(fn: RegisteredFunction): boolean {
    return this.#runners.get(fn.name)?.isCrowded ?? false
  }

  /** Threads that have a function ready. */
  readyFor(fn: RegisteredFunction): number {
    return this.#pool.countReady(fn.name)
  }

  /** At once when there is nothing to prepare; otherwise when it is ready, or could not be made ready. */
  claim(fn: RegisteredFunction): Seat | Promise<Claimed> {
    const runner = this.#runners.get(fn.name)
    if (!runner) throw new RangeError(`"${fn.name}" is none of this worker's functions`)
    return runner.claim()
  }

  async stop(): Promise<void> {
    this.warmth.stop()
    for (const runner of this.#runners.values()) runner.stop()
    this.#warden.stop()
    await this.#pool.stop()
  }
}

function runnerOf(fn: RegisteredFunction, pool: ThreadPool, ports: PoolPorts & CommandPorts): Runner {
  const line = commandOf(fn.definition)
  if (line) return new CommandRunner(fn, line, ports)
  const isThreaded = fn.definition.config?.isolation === 'thread'
  if (!isThreaded) return new MainRunner(fn, ports)
  if (fn.path === undefined) throw new Error(`"${fn.name}" has no file that a thread could load`)
  return new ThreadRunner(fn, pool, ports)
}
