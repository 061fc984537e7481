/**
 * Owns the services of this process: started all at once with a time limit, asked for their status every
 * second, stopped at the end. Tells `condition.ts` which are down; a worker with one down takes no new task.
 * Invariant: a service is asked by one call at a time, and one that hangs counts as down, not as waiting.
 */
import { LIMITS, type ServiceState } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import { SERVICE_KIND, type ServiceDefinition } from './define.ts'
import { LoadError, type LoadedFile } from './discover.ts'
import { messageOf } from './result.ts'

export interface ServiceLimits {
  readonly startMs: number
  readonly statusMs: number
  readonly stopMs: number
  readonly everyMs: number
}

const LIMITS_MS: ServiceLimits = { startMs: 30_000, statusMs: 5_000, stopMs: 5_000, everyMs: 1_000 }

interface RunningService {
  readonly name: string
  readonly definition: ServiceDefinition
  readonly controller: AbortController
  state: ServiceState['state']
  reason: string | undefined
  isAsked: boolean
}

export class Services {
  readonly #services: readonly RunningService[]
  readonly #log: Log
  readonly #limits: ServiceLimits
  readonly #onChange: () => void
  #timer: NodeJS.Timeout | undefined

  /** Throws a LoadError when a file exports no service. `onChange` is called when a state or reason changed. */
  constructor(files: readonly LoadedFile[], log: Log, onChange: () => void, limits = LIMITS_MS) {
    this.#services = files.map(toService)
    this.#log = log
    this.#limits = limits
    this.#onChange = onChange
  }

  /** Sorted by name. */
  get states(): ServiceState[] {
    return this.#services.map(({ name, state, reason }) =>
      reason === undefined ? { name, state } : { name, state, reason },
    )
  }

  /** Why the worker is unready, or undefined when all run. */
  get downReason(): string | undefined {
    const down = this.#services.filter(({ state }) => state !== 'running')
    if (down.length === 0) return undefined
    const list = down.map(({ name, state, reason }) => `${name} is ${state}${reason ? ` (${reason})` : ''}`)
    return `service ${list.join(', ')}`
  }

  /** Resolves when every service has started or failed to. */
  async start(): Promise<void> {
    await Promise.all(this.#services.map((service) => this.#start(service)))
    if (this.#services.length === 0) return
    this.#timer = setInterval(() => void this.check(), this.#limits.everyMs)
    this.#timer.unref()
  }

  /** Asks every service that is not still answering. */
  async check(): Promise<void> {
    await Promise.all(this.#services.map((service) => this.#ask(service)))
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#services.map((service) => this.#stop(service)))
  }

  async #start(service: RunningService): Promise<void> {
    const { definition, controller, name } = service
    const log = this.#log.child({ source: name })
    try {
      const ctx = { signal: controller.signal, log }
      await within(() => definition.start(ctx), this.#limits.startMs, 'its start')
      this.#set(service, 'running', undefined)
    } catch (error) {
      controller.abort(error)
      this.#set(service, 'down', `it did not start: ${messageOf(error)}`)
    }
  }

  async #ask(service: RunningService): Promise<void> {
    const { definition } = service
    // One that never started has nothing to ask; restarts come with `restartOnFailure`.
    if (!definition.status || service.isAsked || service.controller.signal.aborted) return
    service.isAsked = true
    const asked = Promise.try(() => definition.status?.()).finally(() => {
      service.isAsked = false
    })
    try {
      const answer = await within(() => asked, this.#limits.statusMs, 'status()')
      const reason = answer === false ? 'status() says no' : typeof answer === 'string' ? answer : undefined
      this.#set(service, reason === undefined ? 'running' : 'down', reason)
    } catch (error) {
      this.#set(service, 'down', messageOf(error))
    }
  }

  async #stop(service: RunningService): Promise<void> {
    const { definition, controller, name } = service
    controller.abort(new Error('the worker stops'))
    try {
      await within(() => definition.stop?.(), this.#limits.stopMs, 'its stop')
    } catch (error) {
      this.#log.warn(`service ${name} did not stop cleanly: ${messageOf(error)}`)
    }
    service.state = 'stopped'
  }

  #set(service: RunningService, state: 'running' | 'down', reason: string | undefined): void {
    const shown = reason?.slice(0, 512)
    if (service.state === 'stopped' || (service.state === state && service.reason === shown)) return
    service.state = state
    service.reason = shown
    if (state === 'down') this.#log.error(`service ${service.name} is down: ${shown ?? ''}`)
    else this.#log.info(`service ${service.name} is running`)
    this.#onChange()
  }
}

function toService(file: LoadedFile): RunningService {
  const definition = file.exports.default
  if (!isServiceDefinition(definition) || typeof definition.start !== 'function')
    throw new LoadError([
      `${file.label}: its default export is no service; use defineService({start() { … }})`,
    ])
  return {
    name: file.name.slice(0, LIMITS.tagText),
    definition,
    controller: new AbortController(),
    state: 'starting',
    reason: undefined,
    isAsked: false,
  }
}

function isServiceDefinition(value: unknown): value is ServiceDefinition {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === SERVICE_KIND
}

async function within(act: () => unknown, limitMs: number, what: string): Promise<unknown> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${what} took longer than ${limitMs} ms`)), limitMs)
  const acted = Promise.try(act)
  acted.catch(() => {})
  try {
    return await Promise.race([acted, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
