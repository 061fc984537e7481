/**
 * Owns the services of this process: started all at once with a time limit, asked for their status every
 * second, stopped at the end. Tells `condition.ts` which are down; a worker with one down takes no new task.
 * Invariant: the worker is ready only while every service runs. What one service does is `service.ts`.
 */
import type { ServiceState } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import { SERVICE_KIND, type ServiceDefinition } from '../functions/define.ts'
import { LoadError, type LoadedFile } from '../functions/discover.ts'
import { RunningService, SERVICE_LIMITS, type ServiceLimits } from './service.ts'

export interface ServiceOptions {
  readonly limits?: Partial<ServiceLimits>
  /** What a service gets as `ctx.env`. */
  readonly env?: Readonly<Record<string, string>>
}

export class Services {
  readonly #services: readonly RunningService[]
  readonly #limits: ServiceLimits
  #timer: NodeJS.Timeout | undefined

  /** Throws a LoadError when a file exports no service. `onChange` is called when a state or reason changed. */
  constructor(files: readonly LoadedFile[], log: Log, onChange: () => void, options: ServiceOptions = {}) {
    const limits = { ...SERVICE_LIMITS, ...options.limits }
    this.#limits = limits
    const ports = { log, limits, env: options.env ?? {}, onChange }
    this.#services = files.map((file) => new RunningService(file.name, definitionOf(file), ports))
  }

  /** Sorted by name. */
  get states(): ServiceState[] {
    return this.#services.map(({ shown }) => shown)
  }

  /** Why the worker is unready, or undefined when all run. */
  get downReason(): string | undefined {
    const down = this.states.filter(({ state }) => state !== 'running')
    if (down.length === 0) return undefined
    const list = down.map(({ name, state, reason }) => `${name} is ${state}${reason ? ` (${reason})` : ''}`)
    return `service ${list.join(', ')}`
  }

  /** Resolves when every service has started or failed to. */
  async start(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.start()))
    if (this.#services.length === 0) return
    this.#timer = setInterval(() => void this.check(), this.#limits.everyMs)
    this.#timer.unref()
  }

  /** Asks every service that is not still answering. */
  async check(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.ask()))
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#services.map((service) => service.stop()))
  }
}

function definitionOf(file: LoadedFile): ServiceDefinition {
  const definition = file.exports.default
  if (isServiceDefinition(definition) && typeof definition.start === 'function') return definition
  throw new LoadError([`${file.label}: its default export is no service; use defineService({start() { … }})`])
}

function isServiceDefinition(value: unknown): value is ServiceDefinition {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === SERVICE_KIND
}
