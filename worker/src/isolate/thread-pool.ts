/**
 * The threads of functions with `isolation: 'thread'`. They begin when they are needed, serve any such function one
 * call at a time, and stay for the next one, as many as the worker has slots. Made by `runners.ts`.
 *
 * Why no pool from a library: a seat must stay the same from `setup` (outside the attempt, before STARTED) to the
 * call, a context must cross, and threads must be free between calls; tinypool and piscina hand each task to any
 * thread, and let idle ones sleep in `Atomics.wait`, where a handler's connections and timers stand still.
 * Invariant: a thread is idle, or claimed by one attempt, or dead and forgotten.
 */
import type { RegisteredFunction } from '../functions/registry.ts'
import { type Runner, type RunnerPorts, SETUP_LIMIT_MS } from './main-seat.ts'
import type { Claimed, Seat } from './seat.ts'
import { StartGate } from './start-gate.ts'
import { FunctionThread, type ThreadPorts } from './thread.ts'

export interface PoolPorts extends ThreadPorts, RunnerPorts {
  /** Threads that are kept; more exist only while handlers wait for what they called. */
  readonly size: number
}

export class ThreadPool {
  readonly #ports: PoolPorts
  readonly #threads = new Set<FunctionThread>()
  readonly #idle = new Set<FunctionThread>()

  constructor(ports: PoolPorts) {
    this.#ports = ports
  }

  /** Threads that exist. */
  get count(): number {
    return this.#threads.size
  }

  /** One that has the function ready. */
  takeReady(name: string): FunctionThread | undefined {
    for (const thread of this.#idle) if (thread.prepared.has(name)) return this.#take(thread)
    return undefined
  }

  /** Any idle one, or a new one. */
  take(): FunctionThread {
    const [idle] = this.#idle
    if (idle) return this.#take(idle)
    const thread = new FunctionThread(this.#ports, () => {
      this.#threads.delete(thread)
      this.#idle.delete(thread)
    })
    this.#threads.add(thread)
    return thread
  }

  put(thread: FunctionThread): void {
    if (thread.isDead) return
    if (this.#threads.size > this.#ports.size) void thread.end()
    else this.#idle.add(thread)
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => thread.end()))
  }

  #take(thread: FunctionThread): FunctionThread {
    this.#idle.delete(thread)
    return thread
  }
}

export class ThreadRunner implements Runner {
  readonly #function: RegisteredFunction
  readonly #pool: ThreadPool
  readonly #ports: RunnerPorts
  readonly #gate: StartGate

  constructor(fn: RegisteredFunction, pool: ThreadPool, ports: RunnerPorts) {
    this.#function = fn
    this.#pool = pool
    this.#ports = ports
    this.#gate = new StartGate(ports.clock)
  }

  claim(): Seat | Promise<Claimed> {
    const thread = this.#pool.takeReady(this.#function.name)
    return thread ? this.#seatOf(thread) : this.#claimLater()
  }

  stop(): void {}

  async #claimLater(): Promise<Claimed> {
    const refusal = this.#gate.refusal
    if (refusal) return refusal
    const thread = this.#pool.take()
    const why = await thread.prepare(this.#function, this.#ports.setupLimitMs ?? SETUP_LIMIT_MS)
    if (why === undefined) {
      this.#gate.succeeded()
      return { ok: true, seat: this.#seatOf(thread) }
    }
    // Half a setup is no state to run anything in.
    void thread.end()
    const reason = `its setup failed: ${why}`.slice(0, 1024)
    this.#ports.log.error('setup failed; tasks go elsewhere until it works', {
      source: this.#function.name,
      error: reason,
    })
    return this.#gate.failed(reason)
  }

  #seatOf(thread: FunctionThread): Seat {
    return {
      call: (input, context, limitBytes) =>
        thread.call(this.#function.name, input, context, limitBytes).finally(() => this.#pool.put(thread)),
      kill: () => thread.kill(),
      free: () => this.#pool.put(thread),
    }
  }
}
