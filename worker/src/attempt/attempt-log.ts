/**
 * What one attempt writes into the worker's log, and what it keeps out of it: the texts at the function's `redact`
 * paths and the values of FUNCTION_ENV_FILE. Made by `attempt.ts`, once an attempt.
 * Invariant: an input is written only when the function asks for it, and a result never when it says no; errors
 * that leave the process have passed `hide`.
 */
import type { OutcomeError } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import type { RegisteredFunction } from '../functions/registry.ts'
import type { Secrets } from '../privacy/secrets.ts'
import { maskError } from '../privacy/secrets.ts'
import { messageOf } from './result.ts'

export interface AttemptLogPorts {
  readonly log: Log
  readonly secrets?: Secrets | undefined
}

const NONE: readonly string[] = []

export class AttemptLog {
  /** The private texts of this task; undefined when its function names none. */
  readonly redact: (() => readonly string[]) | undefined
  readonly #function: RegisteredFunction
  readonly #run: string
  readonly #ports: AttemptLogPorts
  #own: Log | undefined

  constructor(fn: RegisteredFunction, run: string, input: unknown, ports: AttemptLogPorts) {
    this.#function = fn
    this.#run = run
    this.#ports = ports
    this.redact = fn.privacy.paths.isEmpty ? undefined : lazily(() => fn.privacy.paths.textsIn(input))
  }

  began(input: unknown): void {
    const { paths, logsInput } = this.#function.privacy
    if (logsInput) this.#log.info('task begins', { input: paths.mask(input) })
  }

  /** The result is copied and masked only when the level has it written. */
  completed(read: () => unknown, runMs: number): void {
    if (!this.#ports.log.writes('debug')) return
    const { paths, logsResult } = this.#function.privacy
    const result = logsResult ? paths.mask(read()) : undefined
    const fields = { source: this.#function.name, run: this.#run, runMs, result }
    const log = this.redact ? this.#log : this.#ports.log
    log.debug('task completed', fields)
  }

  failed(thrown: unknown): void {
    this.#log.warn('task failed', { error: thrown instanceof Error ? thrown : messageOf(thrown) })
  }

  stuck(cause: string): void {
    this.#log.warn('the handler ignores its signal and keeps its slot', { cause })
  }

  /** The error as it may leave this process. */
  hide(error: OutcomeError): OutcomeError {
    const { secrets } = this.#ports
    return maskError(error, [...(this.redact?.() ?? NONE), ...(secrets?.texts ?? NONE)])
  }

  get #log(): Log {
    const fields = { source: this.#function.name, run: this.#run }
    this.#own ??= this.#ports.log.child(fields, undefined, this.redact)
    return this.#own
  }
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
