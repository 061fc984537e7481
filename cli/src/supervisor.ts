/**
 * Owns the lives of one child: starts it, starts it again when it dies, and ends it when asked.
 * Called by `start.ts` for the balancer and by `local-workers.ts` for each worker.
 *
 *   idle ── start ──▶ running ── dies ──▶ waiting ── delay over ──▶ running
 *                        │                   │
 *                        └── stop, or 78 ────┴──▶ finished
 *
 * Invariants: at most one process at a time, one SIGTERM for each, and none after `finished`.
 */
import { type Backoff, CONFIG_EXIT_CODE, createBackoff } from '@berth/runtime'
import { type Child, type ChildEnd, type ChildSpec, describeEnd, startChild } from './child.ts'

export type SupervisorHooks = {
  /** Takes each line of the child's output. */
  onOutput(name: string, line: string): void
  /** Takes what a person should know. */
  say(line: string): void
  /** Called when a process has begun or ended. */
  onChange(): void
}

export type RestartPolicy = {
  baseMs: number
  maxMs: number
  /** A life that lasted this long makes the next delay the shortest again. */
  stableMs: number
}

const RESTART_POLICY: RestartPolicy = { baseMs: 500, maxMs: 30_000, stableMs: 60_000 }

/** How it came to its final end. */
export type Finish = { reason: 'stopped' | 'killed' | 'misconfigured' }

export class SupervisedChild {
  readonly spec: ChildSpec
  /** Resolves when there will be no further process. */
  readonly finished: Promise<Finish>
  readonly #hooks: SupervisorHooks
  readonly #policy: RestartPolicy
  readonly #backoff: Backoff
  readonly #finish: (finish: Finish) => void
  readonly #isTaken: () => Promise<boolean>
  #child: Child | undefined
  #restartTimer: NodeJS.Timeout | undefined
  #stopping: Promise<Finish> | undefined
  #hasBeenKilled = false

  /** `isTaken` says whether somebody else has its place by now; a child is not started against that. */
  constructor(
    spec: ChildSpec,
    hooks: SupervisorHooks,
    policy: RestartPolicy = RESTART_POLICY,
    isTaken: () => Promise<boolean> = async () => false,
  ) {
    this.spec = spec
    this.#isTaken = isTaken
    this.#hooks = hooks
    this.#policy = policy
    this.#backoff = createBackoff({ baseMs: policy.baseMs, maxMs: policy.maxMs, jitter: 0 })
    const { promise, resolve } = Promise.withResolvers<Finish>()
    this.finished = promise
    this.#finish = resolve
  }

  /** The process that runs now; undefined between two lives and after the last. */
  get process(): { pid: number; identity: string | undefined } | undefined {
    const pid = this.#child?.pid
    return pid === undefined ? undefined : { pid, identity: this.#child?.identity }
  }

  start(): void {
    if (this.#child !== undefined || this.#stopping !== undefined) return
    const startedAtMs = performance.now()
    const child = startChild(this.spec, (line) => this.#hooks.onOutput(this.spec.name, line))
    this.#child = child
    this.#hooks.onChange()
    child.ended.then((end) => this.#handleEnd(end, performance.now() - startedAtMs))
  }

  /** Asks for a clean end with one SIGTERM; what still lives after `limitMs` is killed. Idempotent. */
  stop(limitMs: number): Promise<Finish> {
    this.#stopping ??= this.#stop(limitMs)
    return this.#stopping
  }

  async #stop(limitMs: number): Promise<Finish> {
    clearTimeout(this.#restartTimer)
    if (this.#child === undefined) {
      this.#finish({ reason: 'stopped' })
      return this.finished
    }
    this.#child.send('SIGTERM')
    const timer = setTimeout(() => {
      this.#hooks.say(`${this.spec.name} did not end within ${formatSeconds(limitMs)}; killing it`)
      this.kill()
    }, limitMs)
    const finish = await this.finished
    clearTimeout(timer)
    return finish
  }

  /** Ends it at once, with all that it started; there is no restart. */
  kill(): void {
    this.#hasBeenKilled = true
    this.#stopping ??= this.finished
    clearTimeout(this.#restartTimer)
    if (this.#child === undefined) this.#finish({ reason: 'killed' })
    else this.#child.killGroup()
  }

  #handleEnd(end: ChildEnd, lifeMs: number): void {
    this.#child = undefined
    if (this.#stopping !== undefined) {
      this.#finish({ reason: this.#hasBeenKilled ? 'killed' : 'stopped' })
    } else if (end.code === CONFIG_EXIT_CODE) {
      this.#hooks.say(`${this.spec.name} has a configuration error, see above; it is not started again`)
      this.#finish({ reason: 'misconfigured' })
    } else {
      this.#restartLater(end, lifeMs)
    }
    this.#hooks.onChange()
  }

  #restartLater(end: ChildEnd, lifeMs: number): void {
    if (lifeMs >= this.#policy.stableMs) this.#backoff.reset()
    const delayMs = this.#backoff.next()
    this.#hooks.say(`${this.spec.name} ${describeEnd(end)}; starting it again in ${formatSeconds(delayMs)}`)
    this.#restartTimer = setTimeout(() => this.#startWhenFree(false), delayMs)
  }

  async #startWhenFree(isSaid: boolean): Promise<void> {
    const isTaken = await this.#isTaken()
    if (this.#stopping !== undefined) return
    if (!isTaken) return this.start()
    const { name, port } = this.spec
    if (!isSaid) this.#hooks.say(`something else has port ${port} now; ${name} waits until it is free`)
    this.#restartTimer = setTimeout(() => this.#startWhenFree(true), this.#backoff.next())
  }
}

function formatSeconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(1))} s`
}
