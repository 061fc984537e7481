/**
 * What the scenario `dashboard` stands on: a thousand lively workers, a balancer, steady tasks, and clients of the
 * feed. A hundred of the workers get the tasks, the other nine hundred write the log lines, in a process of their own
 * and in a group of their own. Invariant: whatever is begun here ends with the stage.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuUsOf } from '../cpu.ts'
import { type Sample, sendOpenLoop } from '../open-loop.ts'
import { KEY, startBalancer, waitForWorkers } from '../peers/berth.ts'
import { readTimes } from '../quiet.ts'
import { median } from '../scenario.ts'
import { type Stage, type Started, urlIn } from '../stage.ts'

export const WORKERS = 1_000
const ANSWERING = 100
export const TASKS_PER_SECOND = 500
export const LINES_PER_SECOND = 10_000

export interface Site {
  readonly stage: Stage
  readonly balancer: Started
  readonly url: string
  /** The process of the workers that get the tasks. */
  readonly answering: Started
}

export async function openSite(stage: Stage): Promise<Site> {
  const answering = await startWorkers(stage, { count: ANSWERING, group: 'default', lines: 0 })
  const writing = await startWorkers(stage, {
    count: WORKERS - ANSWERING,
    group: 'writers',
    lines: LINES_PER_SECOND,
  })
  const entries = Array.from({ length: WORKERS }, (_, index) => {
    const process = index < ANSWERING ? answering : writing
    return {
      name: `worker-${String(index).padStart(4, '0')}`,
      url: `${urlIn(process.output(), 'fleet ready')}/w${index}`,
    }
  })
  const balancer = await startBalancer(stage, entries)
  const url = urlIn(balancer.output(), 'balancer ready') as string
  await waitForWorkers(url, WORKERS)
  return { stage, balancer, url, answering }
}

interface Some {
  readonly count: number
  readonly group: string
  /** A second, of all of them. */
  readonly lines: number
}

function startWorkers(stage: Stage, { count, group, lines }: Some): Promise<Started> {
  const env = { FLEET: String(count), GROUP: group, LINES_PER_SECOND: String(lines) }
  const main = join(import.meta.dirname, '../peers/lively-workers.ts')
  return stage.start(
    { name: group, command: process.execPath, args: [main], env },
    async ({ output }) => urlIn(output(), 'fleet ready') !== undefined,
  )
}

/** How late the loop of the answering process was at p99, ms, the median of its last seconds. */
export function latenessOf({ answering }: Site, seconds: number): number {
  const said = answering
    .output()
    .split('\n')
    .filter((line) => line.includes('"lateMs"'))
    .slice(-seconds)
  return median(said.map((line) => (JSON.parse(line) as { lateMs: number }).lateMs))
}

const BODY = '{"function":"hello","input":{"name":"Ada"}}'

/** Latencies of tasks that are sent for so long, at random instants. */
export async function measureRouting({ url }: Site, seconds: number): Promise<number[]> {
  const count = Math.round(TASKS_PER_SECOND * seconds)
  const samples = await sendOpenLoop(url, {
    perSecond: TASKS_PER_SECOND,
    count,
    random: Math.random,
    nextBody: () => BODY,
  })
  return samples.map(overheadOf)
}

/** What the balancer and its two ways add to the attempt, which takes its own random time. */
function overheadOf({ latencyMs, runMs }: Sample): number {
  return latencyMs - runMs
}

/** Tasks go on until it is stopped; that they are answered well is judged elsewhere. */
export function keepSending(site: Site): { stop(): Promise<void> } {
  let isOver = false
  const say = (error: Error) => process.stderr.write(`  ${error.message}\n`)
  const sending = (async () => {
    while (!isOver) await measureRouting(site, 1).catch(say)
  })()
  return {
    async stop() {
      isOver = true
      await sending
    },
  }
}

/** One second of a client. */
export interface Watched {
  readonly frames: number
  readonly bytes: number
  readonly gzipBytes: number
  readonly lines: number
  readonly dropped: number
  readonly snapshots: number
}

export interface Watchers {
  /** The seconds since the last call, of the first client. */
  take(): readonly Watched[]
  stop(): Promise<void>
}

/** So many protocol clients that watch the same. */
export async function watch(
  { stage, url }: Site,
  count: number,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Watchers> {
  const main = join(import.meta.dirname, 'watchers.ts')
  const started = await stage.start(
    {
      name: 'watchers',
      command: process.execPath,
      args: [main, url, String(count), ...words],
      env: { KEY, ...env },
    },
    async ({ output }) => output().includes('"watched"'),
  )
  let taken = 0
  return {
    take() {
      const seconds = started
        .output()
        .split('\n')
        .filter((line) => line.includes('"watched"'))
        .map((line) => JSON.parse(line) as Watched)
      const fresh = seconds.slice(taken)
      taken = seconds.length
      return fresh
    },
    stop: () => started.stop(),
  }
}

/** The share of a core that the balancer used meanwhile. */
export async function coreShare({ balancer }: Site, seconds: number): Promise<number> {
  const before = cpuUsOf(balancer.pid)
  await sleep(seconds * 1_000)
  return (cpuUsOf(balancer.pid) - before) / (seconds * 1e6)
}

/** What `run` answers, and the share of the whole machine that was used meanwhile by nobody of this stage. */
export async function othersDuring<T>({ stage }: Site, run: () => Promise<T>) {
  const before = { ...readTimes(), ownUs: ownUsOf(stage) }
  const value = await run()
  const after = { ...readTimes(), ownUs: ownUsOf(stage) }
  const spentMs = after.all - before.all
  const usedMs = spentMs - (after.idle - before.idle)
  const share = (usedMs - (after.ownUs - before.ownUs) / 1_000) / spentMs
  return { value, share: Math.max(0.001, share) }
}

function ownUsOf({ running }: Stage): number {
  const { user, system } = process.cpuUsage()
  const alive = running.filter(({ pid }) => existsSync(`/proc/${pid}`))
  return alive.reduce((sum, { pid }) => sum + cpuUsOf(pid), user + system)
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
