/**
 * Starts real balancers and workers and speaks to them as a caller does.
 * Used by end-to-end and browser tests; everything runs on loopback, in folders of its own, with keys made
 * for this run, and is ended with the test.
 */
import { randomBytes } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { findFreePort } from './ports.ts'
import { type Running, startProcess } from './processes.ts'
import { makeFolder, type Scope } from './scope.ts'
import { until } from './until.ts'

export const ROOT = join(import.meta.dirname, '../..')
export const EXAMPLE_FLEET = join(ROOT, 'examples/fleet')

/** No measurement: a machine that is busy with other things takes long to start one. */
const READY_LIMIT_MS = 60_000
/** Four processes that start are asked by one that has other things to do, such as starting a browser. */
const READY_STEP_MS = 25
const ANSWER_LIMIT_MS = 120_000

/** One set for all processes of a test process, so that any balancer fits any worker. */
export const KEYS = { caller: makeKey(), fleet: makeKey(), worker: makeKey() }

export type Balancer = Running & {
  url: string
  port: number
  folder: string
  dataDir: string
  workersFile: string
  /** A request with the caller's key; `path` begins with a slash. */
  request(path: string, init?: RequestInit): Promise<Answer>
}

export type Worker = Running & {
  url: string
  port: number
  /** A request with the worker's key, as one who calls the worker directly sends it. */
  request(path: string, init?: RequestInit): Promise<Answer>
}

export type Answer = {
  status: number
  headers: Headers
  text: string
  /** The parsed body; undefined when it is no JSON. */
  body: unknown
}

/** Where a process runs when it is not here: its address, and the command that starts it there. */
export type Place = { readonly host: string; readonly within?: readonly string[] }

const HERE: Place = { host: '127.0.0.1' }

export type WorkerEntry = string | ({ url: string } & Record<string, unknown>)

/** Settings over the harness's own; `PORT` and `DATA_DIR` of an earlier one restart it in its place. */
export type BalancerOptions = {
  env?: Record<string, string>
  workers?: readonly WorkerEntry[]
  place?: Place
}

/** `folder` is the project folder; default the example fleet. */
export type WorkerOptions = { env?: Record<string, string>; folder?: string; place?: Place }

/** Answers when `/livez` does; `workers` are written to its workers.json before it starts. */
export async function startBalancer(scope: Scope, options: BalancerOptions = {}): Promise<Balancer> {
  const folder = await makeFolder(scope, 'balancer')
  const { host, within } = options.place ?? HERE
  const env = {
    PORT: options.env?.PORT ?? String(await findFreePort()),
    HOST: host,
    WORKERS_FILE: join(folder, 'workers.json'),
    DATA_DIR: join(folder, 'data'),
    LB_AUTH_KEY: KEYS.caller,
    FLEET_KEY: KEYS.fleet,
    WORKER_AUTH_KEY: KEYS.worker,
    LOG_FORMAT: 'json',
    SHUTDOWN_TIMEOUT: '5s',
    ...options.env,
  }
  if (options.workers || !options.env?.WORKERS_FILE) {
    await writeWorkersFile(env.WORKERS_FILE, options.workers ?? [])
  }
  const main = join(ROOT, 'balancer/src/main.ts')
  const running = startProcess(scope, { name: 'the balancer', args: [main], cwd: folder, env, within })
  const url = `http://${host}:${env.PORT}`
  const request = requestFrom(url, env.LB_AUTH_KEY)
  await waitUntilReady(running, 'the balancer', async () => (await request('/livez')).status === 200)
  return {
    ...running,
    url,
    port: Number(env.PORT),
    folder,
    dataDir: env.DATA_DIR,
    workersFile: env.WORKERS_FILE,
    request,
  }
}

/** Answers when its own `/health` says `ready`. */
export async function startWorker(scope: Scope, options: WorkerOptions = {}): Promise<Worker> {
  const cwd = await makeFolder(scope, 'worker')
  const { host, within } = options.place ?? HERE
  const env = {
    PORT: options.env?.PORT ?? String(await findFreePort()),
    HOST: host,
    DATA_DIR: join(cwd, 'data'),
    AUTH_KEY: KEYS.worker,
    LB_AUTH_KEY: KEYS.fleet,
    LOG_FORMAT: 'json',
    SHUTDOWN_TIMEOUT: '5s',
    ...options.env,
  }
  const args = [join(ROOT, 'worker/src/main.ts'), options.folder ?? EXAMPLE_FLEET]
  const running = startProcess(scope, { name: 'the worker', args, cwd, env, within })
  const url = `http://${host}:${env.PORT}`
  const request = requestFrom(url, env.AUTH_KEY)
  await waitUntilReady(running, 'the worker', async () => {
    const { body } = await request('/health')
    return (body as { status?: string }).status === 'ready'
  })
  return { ...running, url, port: Number(env.PORT), request }
}

/** Writes the list so that no reader sees half of it, as an editor or a deployment does. */
export async function writeWorkersFile(path: string, entries: readonly WorkerEntry[]): Promise<void> {
  const draft = `${path}.draft`
  await writeFile(draft, JSON.stringify(entries, undefined, 2))
  await rename(draft, path)
}

/** `POST /task` with the caller's key. A text goes out as it is, anything else as JSON. */
export function postTask(
  balancer: Pick<Balancer, 'request'>,
  task: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return balancer.request('/task', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof task === 'string' ? task : JSON.stringify(task),
  })
}

/** Waits until so many workers are `ready` (or full) at the balancer, and answers the whole list. */
export async function waitForWorkers(balancer: Balancer, count: number): Promise<Record<string, unknown>[]> {
  return until(
    async () => {
      const { body } = await balancer.request('/workers')
      const { items } = body as { items: Record<string, unknown>[] }
      const inService = items.filter(({ status }) => status === 'ready' || status === 'saturated')
      return inService.length >= count ? items : undefined
    },
    READY_LIMIT_MS,
    `${count} workers in service at the balancer`,
  )
}

/** Sends `authorization` unless the caller of it gives one, an empty one included. */
function requestFrom(url: string, key: string): (path: string, init?: RequestInit) => Promise<Answer> {
  return async (path, init = {}) => {
    const headers = new Headers(init.headers)
    if (!headers.has('authorization')) headers.set('authorization', `Bearer ${key}`)
    const signal = init.signal ?? AbortSignal.timeout(ANSWER_LIMIT_MS)
    const response = await fetch(`${url}${path}`, { ...init, headers, signal })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: parseJson(text) }
  }
}

/** A process that ends before it is ready fails the wait at once, with what it said. */
async function waitUntilReady(
  running: Running,
  name: string,
  isReady: () => Promise<boolean>,
): Promise<void> {
  try {
    const isOver = async (): Promise<boolean> => running.hasExited() || (await isReady())
    await until(isOver, READY_LIMIT_MS, `${name} is ready`, READY_STEP_MS)
  } catch (error) {
    throw new Error(`${name} did not get ready. It said:\n${running.output()}`, { cause: error })
  }
  if (!running.hasExited()) return
  const { code, signal } = await running.exited
  throw new Error(
    `${name} ended with ${signal ?? `exit code ${code}`} before it was ready:\n${running.output()}`,
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function makeKey(): string {
  return randomBytes(32).toString('base64url')
}
