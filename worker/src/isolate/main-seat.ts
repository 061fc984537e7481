/**
 * Functions that run in this thread: their seats, and `setup`, once a process and function before its first attempt.
 * Made by `runners.ts`.
 * Invariant: one call of `setup` at a time, and none after one that succeeded.
 */
import type { Clock, Log } from '@berth/runtime'
import { messageOf } from '../attempt/result.ts'
import { startTimer } from '../attempt/timer.ts'
import type { RegisteredFunction } from '../functions/registry.ts'
import type { FunctionEnv } from '../privacy/env-file.ts'
import { speakFor } from '../privacy/task-console.ts'
import type { Claimed, Seat, StartFailure } from './seat.ts'
import { StartGate } from './start-gate.ts'

/** A setup may load what is large; it is told to end after this. */
export const SETUP_LIMIT_MS = 600_000

export interface RunnerPorts {
  readonly clock: Clock
  readonly log: Log
  readonly env: FunctionEnv
  readonly setupLimitMs?: number
}

interface RunningSetup {
  readonly done: Promise<unknown>
  readonly controller: AbortController
}

/** How calls of one function get their seats. */
export interface Runner {
  /** At once when there is nothing to prepare. */
  claim(): Seat | Promise<Claimed>
  /**
   * Makes it ready for `count` calls at once, before anybody asks; why that could not be done. Absent where there is
   * nothing to prepare.
   */
  readonly warm?: ((count: number) => Promise<StartFailure | undefined>) | undefined
  /** So many of its calls wait in threads for what they called that no further one shall begin; absent: never. */
  readonly isCrowded?: boolean
  /** Nothing is claimed any more. */
  stop(): void
}

export class MainRunner implements Runner {
  readonly #function: RegisteredFunction
  readonly #ports: RunnerPorts
  readonly #seat: Seat
  readonly #gate: StartGate
  readonly warm: Runner['warm']
  #isReady: boolean
  #preparing: Promise<StartFailure | undefined> | undefined
  #setup: RunningSetup | undefined

  constructor(fn: RegisteredFunction, ports: RunnerPorts) {
    this.#function = fn
    this.#ports = ports
    this.#seat = mainSeat(fn)
    this.#gate = new StartGate(ports.clock)
    this.#isReady = fn.definition.setup === undefined
    this.warm = this.#isReady ? undefined : () => this.#warm()
  }

  claim(): Seat | Promise<Claimed> {
    return this.#isReady ? this.#seat : this.#claimLater()
  }

  stop(): void {
    this.#setup?.controller.abort(new Error('the worker stops'))
  }

  async #warm(): Promise<StartFailure | undefined> {
    const claimed = this.#isReady ? undefined : await this.#claimLater()
    return claimed?.ok === false ? claimed : undefined
  }

  async #claimLater(): Promise<Claimed> {
    const refusal = this.#preparing ? undefined : this.#gate.refusal
    if (refusal) return refusal
    this.#preparing ??= this.#prepare().finally(() => {
      this.#preparing = undefined
    })
    const failure = await this.#preparing
    return failure ?? { ok: true, seat: this.#seat }
  }

  async #prepare(): Promise<StartFailure | undefined> {
    const { name, definition } = this.#function
    const log = this.#ports.log.child({ source: name })
    if (!this.#setup) {
      const controller = new AbortController()
      const ctx = { signal: controller.signal, log, env: this.#ports.env }
      const done = Promise.try(() => speakFor({ log }, () => definition.setup?.(ctx)))
      this.#setup = { done, controller }
      const forget = () => {
        this.#setup = undefined
      }
      done.then(forget, forget)
    }
    try {
      await this.#whenSetUp(this.#setup)
      this.#isReady = true
      this.#gate.succeeded()
      return undefined
    } catch (error) {
      const reason = `its setup failed: ${messageOf(error)}`.slice(0, 1024)
      log.error('setup failed; tasks go elsewhere until it works', {
        error: error instanceof Error ? error : reason,
      })
      return this.#gate.failed(reason)
    }
  }

  /** One that does not end by its signal is waited for again at a later task, never called beside itself. */
  async #whenSetUp({ done, controller }: RunningSetup): Promise<void> {
    const late = Promise.withResolvers<never>()
    const stopLimit = startTimer(this.#ports.setupLimitMs ?? SETUP_LIMIT_MS, () => {
      const error = new Error(`it took longer than ${this.#ports.setupLimitMs ?? SETUP_LIMIT_MS} ms`)
      controller.abort(error)
      late.reject(error)
    })
    try {
      await Promise.race([done, late.promise])
    } finally {
      stopLimit()
    }
  }
}

/** The handler itself, in this thread. */
export function mainSeat({ definition }: RegisteredFunction): Seat {
  return { call: (input, context) => definition.handler(input as never, context), free() {} }
}
