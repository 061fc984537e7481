/**
 * Starts a balancer and its workers as a user does: processes with their environment, one `workers.json`.
 * With `--cpu-prof`, `--perf-basic-prof` or `--trace-gc` among this process's own options, they get them as well.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Stage, type Started, urlIn } from '../stage.ts'

/** One key for all, so that the same request passes at the balancer, at a worker and at a proxy before it. */
export const KEY = 'the-one-key-of-the-benchmark-0123456789'
const ROOT = join(import.meta.dirname, '../..')
export const FLEET = join(ROOT, 'bench/fleet')

export interface Berth {
  readonly url: string
  readonly balancer: Started
  readonly workers: readonly string[]
}

export async function startBerth(
  stage: Stage,
  {
    workers = 2,
    slots = 128,
    env = {},
    options = [],
  }: {
    workers?: number
    slots?: number
    env?: Record<string, string>
    /** Node's, for the balancer and its workers. */
    options?: readonly string[]
  } = {},
): Promise<Berth> {
  const urls: string[] = []
  for (let index = 0; index < workers; index++) urls.push(await startWorker(stage, slots, options))
  const balancer = await startBalancer(stage, urls, env, options)
  const url = urlIn(balancer.output(), 'balancer ready') as string
  await waitForWorkers(url, workers)
  return { url, balancer, workers: urls }
}

async function startWorker(stage: Stage, slots: number, options: readonly string[]): Promise<string> {
  const worker = await stage.start(
    {
      name: 'worker',
      command: process.execPath,
      args: [...profiling(), ...options, join(ROOT, 'worker/src/main.ts'), FLEET],
      env: { PORT: '0', AUTH_KEY: KEY, LB_AUTH_KEY: KEY, SLOTS: String(slots), LOG_FORMAT: 'json' },
    },
    async ({ output }) => urlIn(output(), 'worker ready') !== undefined,
  )
  return urlIn(worker.output(), 'worker ready') as string
}

/** `entries` are what stands in its workers.json; `options` are Node's. */
export async function startBalancer(
  stage: Stage,
  entries: readonly (string | Readonly<Record<string, unknown>>)[],
  env: Readonly<Record<string, string>> = {},
  options: readonly string[] = [],
): Promise<Started> {
  const file = join(stage.folder, 'workers.json')
  await writeFile(file, JSON.stringify(entries))
  return stage.start(
    {
      name: 'balancer',
      command: process.execPath,
      args: [...profiling(), ...options, join(ROOT, 'balancer/src/main.ts')],
      env: {
        PORT: '0',
        LB_AUTH_KEY: KEY,
        FLEET_KEY: KEY,
        WORKER_AUTH_KEY: KEY,
        WORKERS_FILE: file,
        DATA_DIR: join(stage.folder, 'data'),
        LOG_FORMAT: 'json',
        ...env,
      },
    },
    async ({ output }) => urlIn(output(), 'balancer ready') !== undefined,
  )
}

/** Until so many are in service. */
export async function waitForWorkers(url: string, count: number): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    if ((await countReady(url)) >= count) return
    await sleep(100)
  }
  throw new Error(`${url} has ${await countReady(url)} of its ${count} workers`)
}

async function countReady(url: string): Promise<number> {
  const response = await fetch(`${url}/health`, { headers: { authorization: KEY } })
  const { workers } = (await response.json()) as { workers: Record<string, number> }
  return workers.ready ?? 0
}

function profiling(): string[] {
  return process.execArgv.filter((option) => /^--(cpu-prof|perf-|trace-gc)/.test(option))
}
