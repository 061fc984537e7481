/**
 * One service of this process, through its states. Made and asked by `services.ts`.
 *
 *   starting ──start() resolves──▶ running ──status() says no, throws or hangs──▶ down
 *      │ fails, or takes too long                  ▲ enough good answers in a row  │
 *      ├──────────────────▶ down                   └───────────────────────────────┤
 *      └◀── restartOnFailure, after a delay that grows ◀───────────────────────────┘
 *
 * Invariant: one status() call at a time; what belongs to an earlier start changes nothing. A service that flaps
 * is believed less each time, so its worker does not come and go with it.
 */
import { LIMITS, type ServiceState } from '@berth/protocol'
import { type Backoff, createBackoff, type Log } from '@berth/runtime'
import { messageOf } from '../attempt/result.ts'
import type { ServiceDefinition } from '../functions/define.ts'
import { type Speaker, speakFor } from '../privacy/task-console.ts'

export interface ServiceLimits {
  readonly startMs: number
  readonly statusMs: number
  readonly stopMs: number
  readonly everyMs: number
  /** First and longest delay before a restart. */
  readonly restartMs: number
  readonly restartMaxMs: number
  /** Running for so long forgets earlier failures. */
  readonly steadyMs: number
}

export const SERVICE_LIMITS: ServiceLimits = {
  startMs: 30_000,
  statusMs: 5_000,
  stopMs: 5_000,
  everyMs: 1_000,
  restartMs: 1_000,
  restartMaxMs: 60_000,
  steadyMs: 60_000,
}

/** Good answers in a row that a service which is down must give, at first and at most. */
const GOOD_AT_FIRST = 2
const GOOD_AT_MOST = 16

export interface ServicePorts {
  readonly log: Log
  readonly limits: ServiceLimits
  readonly env: Readonly<Record<string, string>>
  /** State or reason changed. */
  readonly onChange: () => void
}

export class RunningService {
  readonly name: string
  readonly #definition: ServiceDefinition
  readonly #ports: ServicePorts
  readonly #backoff: Backoff
  /** Its lines, those of `console` among them, bear its name. */
  readonly #speaker: Speaker
  #state: ServiceState['state'] = 'starting'
  #reason: string | undefined
  /** Of the start that counts; a new one each time. */
  #controller = new AbortController()
  #hasStarted = false
  #isAsked = false
  #goodNeeded = GOOD_AT_FIRST
  #goodSeen = 0
  /** It is running because its answers became good again, not because it was started. */
  #hasComeBack = false
  #runningSince = Number.NEGATIVE_INFINITY
  #restartTimer: NodeJS.Timeout | undefined

  constructor(name: string, definition: ServiceDefinition, ports: ServicePorts) {
    this.name = name.slice(0, LIMITS.tagText)
    this.#definition = definition
    this.#ports = ports
    this.#speaker = { log: ports.log.child({ source: this.name }) }
    const { restartMs, restartMaxMs } = ports.limits
    this.#backoff = createBackoff({ baseMs: restartMs, maxMs: restartMaxMs })
  }

  get shown(): ServiceState {
    const { name } = this
    return this.#reason === undefined
      ? { name, state: this.#state }
      : { name, state: this.#state, reason: this.#reason }
  }

  /** Resolves when it has started or failed to; never rejects. */
  async start(): Promise<void> {
    const { limits, env } = this.#ports
    const controller = new AbortController()
    this.#controller = controller
    this.#isAsked = false
    try {
      const ctx = { signal: controller.signal, log: this.#speaker.log, env }
      await within(() => this.#speak(() => this.#definition.start(ctx)), limits.startMs, 'its start')
      if (controller !== this.#controller || this.#state === 'stopped') return
      this.#hasStarted = true
      this.#rise(false)
    } catch (error) {
      controller.abort(error)
      if (controller === this.#controller) this.#fall(`it did not start: ${messageOf(error)}`)
    }
  }

  /** Asks for its status, unless it is still answering or there is nothing to ask. */
  async ask(): Promise<void> {
    if (!this.#definition.status || this.#isAsked || !this.#hasStarted) return
    const controller = this.#controller
    this.#isAsked = true
    const asked = Promise.try(() => this.#speak(() => this.#definition.status?.())).finally(() => {
      if (controller === this.#controller) this.#isAsked = false
    })
    const problem = await within(() => asked, this.#ports.limits.statusMs, 'status()').then(
      (answer) => (answer === false ? 'status() says no' : typeof answer === 'string' ? answer : undefined),
      messageOf,
    )
    if (controller !== this.#controller || !this.#hasStarted) return
    if (problem !== undefined) this.#fall(problem)
    else if (this.#state === 'down' && ++this.#goodSeen >= this.#goodNeeded) this.#rise(true)
  }

  async stop(): Promise<void> {
    clearTimeout(this.#restartTimer)
    this.#set('stopped', undefined)
    await this.#end()
  }

  #rise(hasComeBack: boolean): void {
    this.#hasComeBack = hasComeBack
    clearTimeout(this.#restartTimer)
    this.#restartTimer = undefined
    this.#runningSince = performance.now()
    this.#set('running', undefined)
  }

  #fall(problem: string): void {
    if (this.#state === 'running') this.#weighFall()
    this.#goodSeen = 0
    this.#set('down', problem)
    if (this.#definition.config?.restartOnFailure) this.#planRestart()
  }

  /** One that ran for long starts with a clean slate; one that came back just now is believed less. */
  #weighFall(): void {
    if (performance.now() - this.#runningSince >= this.#ports.limits.steadyMs) {
      this.#backoff.reset()
      this.#goodNeeded = GOOD_AT_FIRST
    } else if (this.#hasComeBack) {
      this.#goodNeeded = Math.min(GOOD_AT_MOST, this.#goodNeeded * 2)
    }
  }

  #planRestart(): void {
    if (this.#restartTimer || this.#state === 'stopped') return
    const delayMs = this.#backoff.next()
    this.#restartTimer = setTimeout(() => void this.#restart(), delayMs).unref()
  }

  async #restart(): Promise<void> {
    this.#ports.log.info(`service ${this.name} is started again`)
    await this.#end()
    this.#restartTimer = undefined
    if (this.#state !== 'stopped') await this.start()
  }

  /** Tells what runs to end, and waits for it within a limit. */
  async #end(): Promise<void> {
    this.#hasStarted = false
    this.#controller.abort(new Error('the service is stopped'))
    try {
      await within(() => this.#speak(() => this.#definition.stop?.()), this.#ports.limits.stopMs, 'its stop')
    } catch (error) {
      this.#ports.log.warn(`service ${this.name} did not stop cleanly: ${messageOf(error)}`)
    }
  }

  #speak(act: () => unknown): unknown {
    return speakFor(this.#speaker, act)
  }

  #set(state: ServiceState['state'], reason: string | undefined): void {
    const shown = reason?.slice(0, 512)
    if (this.#state === 'stopped' || (this.#state === state && this.#reason === shown)) return
    const isTurn = this.#state !== state
    this.#state = state
    this.#reason = shown
    // A reason that changes every second ("silent for 12 s") is no new event.
    if (isTurn && state === 'down') this.#ports.log.error(`service ${this.name} is down: ${shown ?? ''}`)
    else if (isTurn && state === 'running') this.#ports.log.info(`service ${this.name} is running`)
    this.#ports.onChange()
  }
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
