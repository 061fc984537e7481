/**
 * Owns the worker processes of `start`: one for each local entry of workers.json, as the file is now.
 * `start.ts` calls `apply` at the beginning and after every good change. An added entry gets a process, a
 * removed one's is drained and ends, a changed one's is drained and started anew with the new settings.
 * Invariants: one process an address, the old one gone before the new one comes; at most `LOCAL_LIMIT`.
 */
import { dirname, join, resolve } from 'node:path'
import type { WorkerEntry } from '@berth/protocol'
import type { ChildSpec } from './child.ts'
import type { Keys } from './config.ts'
import { isListening } from './port-check.ts'
import { type RestartPolicy, SupervisedChild, type SupervisorHooks } from './supervisor.ts'

/** A list of thousands of loopback addresses must not become thousands of processes. */
export const LOCAL_LIMIT = 64

/** What a worker process takes over from the environment of `start`, less what belongs to the balancer. */
const BALANCER_ONLY = ['NAME', 'LB_AUTH_KEY', 'FLEET_KEY', 'WORKER_AUTH_KEY', 'READ_KEY', 'AUTH_KEY']

/** Whoever tries it out has a receiver on this machine. */
export const LOOPBACK = '127.0.0.0/8,::1'

export type WorkerSettings = {
  root: string
  env: NodeJS.ProcessEnv
  dataDir: string
  workersFile: string
  keys: Keys
}

/** `folder`: where its functions, services and tags lie. */
export type LocalWorker = { url: string; host: string; folder: string; spec: ChildSpec }
export type LocalSelection = { workers: LocalWorker[]; notes: string[] }

/** The entries that get a process, and what a person should know about those that do not. */
export function selectLocalWorkers(
  entries: readonly WorkerEntry[],
  settings: WorkerSettings,
): LocalSelection {
  const notes: string[] = []
  const local = entries.filter((entry) => {
    if (!entry.isLocal) return false
    const { protocol, pathname } = new URL(entry.url)
    if (protocol === 'http:' && pathname === '/') return true
    notes.push(
      `${entry.id} is ${entry.url}: workers of \`start\` serve plain http without a path; start it yourself`,
    )
    return false
  })
  if (local.length > LOCAL_LIMIT) {
    notes.push(`${local.length} entries are local; only the first ${LOCAL_LIMIT} get a process`)
  }
  const workers = local.slice(0, LOCAL_LIMIT).map((entry) => describeWorker(entry, settings, notes))
  return { workers, notes }
}

function describeWorker(entry: WorkerEntry, settings: WorkerSettings, notes: string[]): LocalWorker {
  const url = new URL(entry.url)
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const port = url.port === '' ? 80 : Number(url.port)
  const folder =
    entry.start?.folder === undefined
      ? join(settings.root, 'examples', 'fleet')
      : resolve(dirname(settings.workersFile), entry.start.folder)
  const env = {
    WEBHOOK_ALLOW: LOOPBACK,
    ...omitBalancerOnly(settings.env),
    PORT: String(port),
    HOST: host,
    DATA_DIR: settings.dataDir,
  }
  const own: NodeJS.ProcessEnv = {
    LB_AUTH_KEY: settings.keys.fleet,
    AUTH_KEY: entry.key ?? settings.keys.worker,
    ...(entry.name === undefined ? {} : { NAME: entry.name }),
    ...(entry.group === undefined ? {} : { GROUP: entry.group }),
    ...(entry.start?.slots === undefined ? {} : { SLOTS: String(entry.start.slots) }),
    ...(entry.start?.tags === undefined ? {} : { TAGS: formatTags(entry.id, entry.start.tags, notes) }),
  }
  const args = [join(settings.root, 'worker', 'src', 'main.ts'), folder]
  return { url: entry.url, host, folder, spec: { name: entry.id, args, env: { ...env, ...own }, port } }
}

function omitBalancerOnly(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const rest = { ...env }
  for (const name of BALANCER_ONLY) {
    delete rest[name]
    delete rest[`${name}_FILE`]
  }
  return rest
}

/** `TAGS` is `key=value,key=value`: it has no way to write a list, nor a comma in a value. */
function formatTags(id: string, tags: NonNullable<WorkerEntry['start']>['tags'], notes: string[]): string {
  const pairs: string[] = []
  for (const [key, value] of Object.entries(tags ?? {})) {
    const text = String(value)
    if (!Array.isArray(value) && !text.includes(',')) pairs.push(`${key}=${text}`)
    else
      notes.push(
        `${id}: start.tags.${key} is left out, a list or a comma cannot be passed; write it under \`tags\``,
      )
  }
  return pairs.join(',')
}

/** One address: what should run there, and what does. */
type Place = {
  wanted: LocalWorker | undefined
  running: SupervisedChild | undefined
  settling?: Promise<void>
}

export class LocalWorkers {
  readonly #hooks: SupervisorHooks
  readonly #stopLimitMs: number
  readonly #policy: RestartPolicy | undefined
  readonly #places = new Map<string, Place>()
  #isEnding = false

  constructor(hooks: SupervisorHooks, stopLimitMs: number, policy?: RestartPolicy) {
    this.#hooks = hooks
    this.#stopLimitMs = stopLimitMs
    this.#policy = policy
  }

  /** Makes the processes those of the list. Resolves when that is so, drained ones gone included. */
  async apply(workers: readonly LocalWorker[]): Promise<void> {
    if (this.#isEnding) return
    const wanted = new Map(workers.map((worker) => [worker.url, worker]))
    for (const url of wanted.keys())
      if (!this.#places.has(url)) this.#places.set(url, { wanted: undefined, running: undefined })
    for (const [url, place] of this.#places) place.wanted = wanted.get(url)
    await this.#settleAll()
  }

  /** What runs now. */
  list(): SupervisedChild[] {
    return [...this.#places.values()].flatMap(({ running }) => (running === undefined ? [] : [running]))
  }

  /** Drains all, together. */
  async stop(): Promise<void> {
    this.#isEnding = true
    for (const place of this.#places.values()) place.wanted = undefined
    await this.#settleAll()
  }

  kill(): void {
    this.#isEnding = true
    for (const child of this.list()) child.kill()
  }

  async #settleAll(): Promise<void> {
    await Promise.all(Array.from(this.#places, ([url, place]) => this.#settle(url, place)))
  }

  /** One at a time for each address; what was asked for meanwhile is seen by the loop that runs. */
  #settle(url: string, place: Place): Promise<void> {
    place.settling ??= this.#settleLoop(url, place).finally(() => {
      place.settling = undefined
    })
    return place.settling
  }

  async #settleLoop(url: string, place: Place): Promise<void> {
    while (!isSettled(place)) {
      const { running, wanted } = place
      if (this.#isEnding && running === undefined) break
      if (running !== undefined) {
        if (!this.#isEnding) this.#hooks.say(describeDrain(running.spec.name, wanted !== undefined))
        await running.stop(this.#stopLimitMs)
        place.running = undefined
      } else if (wanted !== undefined && (await isListening(wanted.host, wanted.spec.port))) {
        this.#hooks.say(`something listens on ${url} already; ${wanted.spec.name} gets no process`)
        break
      } else if (wanted !== undefined && wanted === place.wanted) {
        const isTaken = () => isListening(wanted.host, wanted.spec.port)
        place.running = new SupervisedChild(wanted.spec, this.#hooks, this.#policy, isTaken)
        place.running.start()
      }
    }
    if (place.wanted === undefined) this.#places.delete(url)
    this.#hooks.onChange()
  }
}

function describeDrain(name: string, isReplaced: boolean): string {
  return isReplaced
    ? `${name} has new settings; draining it, then starting it anew`
    : `${name} was removed; draining it`
}

function isSettled({ wanted, running }: Place): boolean {
  if (wanted === undefined || running === undefined) return wanted === undefined && running === undefined
  return JSON.stringify(wanted.spec) === JSON.stringify(running.spec)
}
