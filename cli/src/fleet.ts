/**
 * Owns the running fleet of a `start`: the balancer, the local workers, and the file that lists them.
 * Made by `start.ts` when nothing is in the way any more.
 * Invariants: `start.json` names what runs now; at the end the balancer goes first, since it finishes what
 * callers wait for and needs its workers for that; then the workers, together.
 */

import { CONFIG_EXIT_CODE } from '@berth/runtime'
import type { ChildSpec } from './child.ts'
import { type CliConfig, formatAddress, type Keys } from './config.ts'
import { LocalWorkers, selectLocalWorkers } from './local-workers.ts'
import { createPrefixer } from './prefix.ts'
import { makeStartRecord, type StartRecord, writeStartFile } from './start-file.ts'
import { type RestartPolicy, SupervisedChild, type SupervisorHooks } from './supervisor.ts'
import { type WorkersWatch, watchWorkers } from './workers-watch.ts'

/** Over a process's own limit for its drain, before it is killed. */
const STOP_MARGIN_MS = 3000

export type FleetSettings = {
  root: string
  balancer: ChildSpec
  /** What workers inherit. */
  env: NodeJS.ProcessEnv
  keys: Keys
  print: (line: string) => void
  policy?: RestartPolicy
}

export class Fleet {
  readonly #config: CliConfig
  readonly #settings: FleetSettings
  readonly #stopLimitMs: number
  readonly #record: StartRecord
  readonly #say: (line: string) => void
  readonly #balancer: SupervisedChild
  readonly #workers: LocalWorkers
  #folder: string | undefined
  #watch: WorkersWatch | undefined
  #applied: Promise<void> = Promise.resolve()
  #hasEnded = false

  constructor(config: CliConfig, settings: FleetSettings) {
    this.#config = config
    this.#settings = settings
    this.#stopLimitMs = config.shutdownTimeoutMs + STOP_MARGIN_MS
    this.#record = makeStartRecord(
      formatAddress(config.host, config.port),
      config.port,
      config.shutdownTimeoutMs,
    )
    const prefix = createPrefixer()
    this.#say = (line) => settings.print(prefix('start', line))
    const hooks: SupervisorHooks = {
      onOutput: (name, line) => settings.print(prefix(name, line)),
      say: this.#say,
      onChange: () => this.#writeRecord(),
    }
    this.#balancer = new SupervisedChild(settings.balancer, hooks, settings.policy)
    this.#workers = new LocalWorkers(hooks, this.#stopLimitMs, settings.policy)
  }

  /** Starts all; resolves with the exit code when the balancer refuses its configuration, else never. */
  async start(): Promise<number> {
    this.#balancer.start()
    const { root, env, keys } = this.#settings
    const { dataDir, workersFile } = this.#config
    this.#watch = watchWorkers(
      workersFile,
      (entries) => {
        const { workers, notes } = selectLocalWorkers(entries, { root, env, dataDir, workersFile, keys })
        for (const note of notes) this.#say(note)
        this.#folder = workers[0]?.folder
        this.#applied = this.#workers.apply(workers)
      },
      (message) => this.#say(`${message}; the workers stay as they are until it is right`),
    )
    const finish = await this.#balancer.finished
    if (finish.reason === 'misconfigured') return CONFIG_EXIT_CODE
    return new Promise(() => {})
  }

  /** Resolves when the workers of the file as it was at the start have their processes. */
  async waitForWorkers(): Promise<void> {
    await this.#watch?.ready
    await this.#applied
  }

  /** The project of the first local worker; undefined without one. */
  get folder(): string | undefined {
    return this.#folder
  }

  listWorkerPorts(): number[] {
    return this.#listRunningWorkers().map(({ spec }) => spec.port)
  }

  listWorkerNames(): string[] {
    return this.#listRunningWorkers().map(({ spec }) => spec.name)
  }

  #listRunningWorkers(): SupervisedChild[] {
    return this.#workers.list().filter((child) => child.process !== undefined)
  }

  /** Drains the balancer, then the workers. */
  async stop(): Promise<void> {
    this.#watch?.stop()
    await this.#balancer.stop(this.#stopLimitMs)
    await this.#workers.stop()
    this.#hasEnded = true
  }

  /** Ends everything at once; `stop` then returns soon. */
  kill(): void {
    this.#watch?.stop()
    this.#balancer.kill()
    this.#workers.kill()
  }

  #writeRecord(): void {
    if (this.#hasEnded) return
    const children = [this.#balancer, ...this.#workers.list()].flatMap(({ spec, process: running }) =>
      running === undefined ? [] : [{ name: spec.name, port: spec.port, ...running }],
    )
    const ports = { ...this.#record.ports, workers: this.listWorkerPorts() }
    try {
      writeStartFile(this.#config.dataDir, { ...this.#record, ports, children })
    } catch (error) {
      // A full disk or a removed folder is no reason to let go of what runs.
      this.#say(
        `start.json cannot be written (${(error as Error).message}); \`down\` will miss what has changed`,
      )
    }
  }
}
