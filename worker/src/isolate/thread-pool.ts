/**
 * The threads of functions with `isolation: 'thread'`. They begin when they are needed, serve any such function one
 * call at a time, and stay for the next one, as many as the worker has slots. Made by `runners.ts`.
 *
 * Why no pool from a library: a seat must stay the same from `setup` (outside the attempt, before STARTED) to the
 * call, a context must cross, and threads must be free between calls; tinypool and piscina hand each task to any
 * thread, and let idle ones sleep in `Atomics.wait`, where a handler's connections and timers stand still.
 * Invariant: a thread is idle, or claimed by one attempt, or dead and forgotten.
 */
import { startTimer } from '../attempt/timer.ts'
import type { RegisteredFunction } from '../functions/registry.ts'
import { type Runner, type RunnerPorts, SETUP_LIMIT_MS } from './main-seat.ts'
import type { Claimed, Seat, StartFailure } from './seat.ts'
import { StartGate } from './start-gate.ts'
import { FunctionThread, type ThreadPorts } from './thread.ts'

/** How long one that is too many is kept: where handlers wait for calls, the next of them needs it again. */
const LINGER_MS = 10_000
/** Threads beyond those that are kept: each holds the memory of a process. */
const MOST_EXTRA = 32

export interface PoolPorts extends ThreadPorts, RunnerPorts {
  /** Threads that are kept; more exist only while handlers wait for what they called. */
  readonly size: number
}

export class ThreadPool {
  readonly #ports: PoolPorts
  readonly #onRoom: () => void
  readonly #threads = new Set<FunctionThread>()
  readonly #idle = new Set<FunctionThread>()
  #stopTrim: (() => void) | undefined

  /** `onRoom` is called when a thread has nothing to do, or is gone. */
  constructor(ports: PoolPorts, onRoom: () => void = () => {}) {
    this.#ports = ports
    this.#onRoom = onRoom
  }

  /** Threads that exist. */
  get count(): number {
    return this.#threads.size
  }

  /** Handlers wait in too many threads: what nobody waits for shall begin elsewhere, or later. */
  get isCrowded(): boolean {
    return this.#threads.size - this.#idle.size >= this.#ports.size + MOST_EXTRA
  }

  /** One that has the function ready. */
  takeReady(name: string): FunctionThread | undefined {
    for (const thread of this.#idle) if (thread.prepared.has(name)) return this.#take(thread)
    return undefined
  }

  /** Any idle one, or a new one. */
  take(): FunctionThread {
    const [idle] = this.#idle
    return idle ? this.#take(idle) : this.#begin()
  }

  /** One that could have the function ready and has not, if there is room for it without anybody waiting. */
  takeUnready(name: string): FunctionThread | undefined {
    for (const thread of this.#idle) if (!thread.prepared.has(name)) return this.#take(thread)
    return this.#threads.size < this.#ports.size ? this.#begin() : undefined
  }

  /** Threads that have the function ready, idle or not. */
  countReady(name: string): number {
    let count = 0
    for (const { prepared } of this.#threads) if (prepared.has(name)) count++
    return count
  }

  put(thread: FunctionThread): void {
    if (thread.isDead) return
    this.#idle.add(thread)
    if (this.#threads.size > this.#ports.size) this.#stopTrim ??= startTimer(LINGER_MS, () => this.#trim())
    this.#onRoom()
  }

  /** Of more threads than are kept, those end that do nothing, the ones with the least ready first. */
  #trim(): void {
    this.#stopTrim = undefined
    const byReady = [...this.#idle].sort((a, b) => a.prepared.size - b.prepared.size)
    for (const thread of byReady.slice(0, Math.max(0, this.#threads.size - this.#ports.size))) {
      this.#idle.delete(thread)
      this.#threads.delete(thread)
      void thread.end()
    }
  }

  #begin(): FunctionThread {
    const thread = new FunctionThread(this.#ports, () => {
      this.#threads.delete(thread)
      this.#idle.delete(thread)
      this.#onRoom()
    })
    this.#threads.add(thread)
    return thread
  }

  async stop(): Promise<void> {
    this.#stopTrim?.()
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

  get isCrowded(): boolean {
    return this.#pool.isCrowded
  }

  readonly warm = async (count: number): Promise<StartFailure | undefined> => {
    while (this.#pool.countReady(this.#function.name) < count) {
      const refusal = this.#gate.refusal
      if (refusal) return refusal
      const thread = this.#pool.takeUnready(this.#function.name)
      // All are busy: the first that is not is looked at again.
      if (!thread) return undefined
      const failure = await this.#prepare(thread)
      if (failure) return failure
      this.#pool.put(thread)
    }
    return undefined
  }

  async #claimLater(): Promise<Claimed> {
    const refusal = this.#gate.refusal
    if (refusal) return refusal
    const thread = this.#pool.take()
    return (await this.#prepare(thread)) ?? { ok: true, seat: this.#seatOf(thread) }
  }

  async #prepare(thread: FunctionThread): Promise<StartFailure | undefined> {
    const why = await thread.prepare(this.#function, this.#ports.setupLimitMs ?? SETUP_LIMIT_MS)
    if (why === undefined) {
      this.#gate.succeeded()
      return undefined
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
