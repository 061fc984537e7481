/**
 * `--watch`: keeps one worker running and another one warm behind it. A save has the warm one load the files; when
 * they load, the running one leaves and the other takes its port, else the running one goes on and says why.
 * Made by `main.ts`; ESM cannot be unloaded, so a new set of files needs a new process.
 *
 *   save ─▶ standby loads ──fails──▶ the error is shown, the last good set goes on
 *                └──loads──▶ current leaves ─▶ standby listens and is current ─▶ a new standby warms up
 *
 * Invariant: at most one worker has the port, and no child outlives this process.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type Backoff, CONFIG_EXIT_CODE, createBackoff, LIFELINE_VARIABLE, type Log } from '@berth/runtime'
import { type Cue, textOf, typeOf } from './cues.ts'
import { ProjectWatch } from './project-watch.ts'

/** A worker that was told to leave and has not gone by then is ended: new code must not wait for old tasks. */
const LEAVE_LIMIT_MS = 4_000
const STEADY_MS = 10_000

export interface SupervisorOptions {
  /** Arguments of a worker that waits: the program, the folder, `--standby`. */
  readonly args: readonly string[]
  readonly folder: string
  /** Further files whose save matters. */
  readonly files: readonly string[]
  readonly log: Log
  /** Ends this process. */
  exit(code: number): void
}

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #watch: ProjectWatch
  readonly #children = new Set<ChildProcess>()
  readonly #backoff: Backoff = createBackoff({ baseMs: 500, maxMs: 30_000 })
  #standby: ChildProcess | undefined
  #current: ChildProcess | undefined
  #currentSince = 0
  #isWanted = false
  #isReloading = false
  #isStopping = false
  #restartTimer: NodeJS.Timeout | undefined

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#watch = new ProjectWatch(options.folder, options.files, () => this.#reload())
  }

  async start(): Promise<void> {
    this.#standby = this.#spawn()
    await this.#watch.ready()
    this.#reload()
  }

  /** Has the worker finish what it runs; exits with its code. */
  async stop(signal: NodeJS.Signals): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#restartTimer)
    await this.#watch.stop()
    const gone = [...this.#children].map((child) => whenGone(child))
    for (const child of this.#children) child.kill(child === this.#current ? signal : 'SIGKILL')
    await Promise.all(gone)
    this.#options.exit(0)
  }

  /** Ends all of it now. */
  kill(): void {
    for (const child of this.#children) child.kill('SIGKILL')
  }

  /** One at a time; a save that comes meanwhile is followed by another. */
  #reload(): void {
    this.#isWanted = true
    if (this.#isReloading) return
    this.#isReloading = true
    void this.#reloadWhileWanted().finally(() => {
      this.#isReloading = false
    })
  }

  async #reloadWhileWanted(): Promise<void> {
    while (this.#isWanted && !this.#isStopping) {
      this.#isWanted = false
      const next = this.#standby ?? this.#spawn()
      this.#standby = undefined
      const problem = await load(next)
      if (this.#isStopping) return
      if (problem === undefined) await this.#switchTo(next)
      else this.#show(problem)
      if (!this.#isStopping) this.#standby = this.#spawn()
    }
  }

  async #switchTo(next: ChildProcess): Promise<void> {
    clearTimeout(this.#restartTimer)
    const old = this.#current
    this.#current = undefined
    if (old) {
      this.#options.log.info('the files have changed; the worker is started again')
      await leave(old)
    }
    if (this.#isStopping) return
    this.#current = next
    this.#currentSince = performance.now()
    // It may have died while the other one left.
    if (next.exitCode === null && next.signalCode === null) say(next, { type: 'listen' })
    else this.#onGone(next)
  }

  #show(problem: string): void {
    const text = this.#current
      ? `the changed files do not load; the last good ones go on: ${problem}`
      : `the files do not load; waiting for a change: ${problem}`
    if (this.#current) say(this.#current, { type: 'problem', text })
    else this.#options.log.error(text)
  }

  #spawn(): ChildProcess {
    const { [LIFELINE_VARIABLE]: _ours, ...env } = process.env
    const child = spawn(process.execPath, this.#options.args, {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#children.add(child)
    void whenGone(child).then(() => this.#onGone(child))
    return child
  }

  #onGone(child: ChildProcess): void {
    this.#children.delete(child)
    if (this.#isStopping) return
    if (child.exitCode === CONFIG_EXIT_CODE) return this.#options.exit(CONFIG_EXIT_CODE)
    if (this.#standby === child) this.#standby = undefined
    if (this.#current !== child) return
    this.#current = undefined
    if (performance.now() - this.#currentSince > STEADY_MS) this.#backoff.reset()
    const delayMs = Math.round(this.#backoff.next())
    const why = child.signalCode ?? `exit code ${child.exitCode}`
    this.#options.log.error(`the worker ended (${why}); it is started again in ${delayMs} ms`)
    this.#restartTimer = setTimeout(() => this.#reload(), delayMs)
  }
}

/** Has a warm worker load the files; what is wrong with them, or undefined. */
async function load(child: ChildProcess): Promise<string | undefined> {
  const reported = new Promise<string | undefined>((resolve) => {
    child.on('message', (message) => {
      if (typeOf(message) === 'loaded') resolve(undefined)
      if (typeOf(message) === 'failed') resolve(textOf(message))
    })
  })
  say(child, { type: 'load' })
  const died = whenGone(child).then(
    () => `the process ended (${child.signalCode ?? `exit code ${child.exitCode}`})`,
  )
  return Promise.race([reported, died])
}

async function leave(child: ChildProcess): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), LEAVE_LIMIT_MS)
  say(child, { type: 'leave' })
  await whenGone(child)
  clearTimeout(timer)
}

/** A channel that is closed belongs to a worker that is gone or going. */
function say(child: ChildProcess, cue: Cue): void {
  if (child.connected) child.send(cue, () => {})
}

async function whenGone(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  await once(child, 'exit').catch(() => {})
}
