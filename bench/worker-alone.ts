/**
 * How much of a bare `node:http` server's rate a worker alone keeps: both answer the same JSON, one after the
 * other, under the same load. Run by `pnpm bench:worker`; prints each pair and the median, and writes
 * `results/worker-alone.json`. The goal is TARGET.
 * Invariant: a figure is written only when every answer was 200 and both servers said the same.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { cpuUsOf } from './cpu.ts'
import { type ServerProcess, startServer } from './server-process.ts'
import { hasWrk, measure } from './wrk.ts'

const TARGET = 0.65
const PAIRS = 5
const WARM_UP_S = 2
const RUN_S = 3
const CONNECTIONS = 32
const KEY = 'key-of-the-benchmark'
const HERE = import.meta.dirname
const ROOT = join(HERE, '..')

/** Answers in a second, and µs of processor time for an answer (0 where the system keeps no account of it). */
type Pair = { bare: number; worker: number; ratio: number; bareUs: number; workerUs: number }

if (await hasWrk()) await main()
else process.stdout.write('wrk is not installed, so nothing is measured; install it and run this again\n')

async function main(): Promise<void> {
  const bare = await startServer([join(HERE, 'bare-server.ts')], 'ready')
  const worker = await startServer(
    [...workerOptions(), join(ROOT, 'worker/src/main.ts'), join(ROOT, 'examples/fleet')],
    'worker ready',
    { PORT: '0', AUTH_KEY: KEY, LB_AUTH_KEY: 'fleet-key-of-the-benchmark', LOG_FORMAT: 'json' },
  )
  // What else the machine was doing: a busy one tells little.
  const loadBefore = round(loadavg()[0] ?? 0, 2)
  try {
    await sayTheSame(bare.url, worker.url)
    for (const { url } of [bare, worker]) await drive(url, WARM_UP_S)
    const pairs: Pair[] = []
    for (let index = 0; index < PAIRS; index++) pairs.push(await drivePair(bare, worker))
    report(pairs, loadBefore)
  } finally {
    await Promise.all([bare.stop(), worker.stop()])
  }
}

/** `node --cpu-prof bench/worker-alone.ts` profiles the worker, too. */
function workerOptions(): string[] {
  return process.execArgv.filter((option) => option.startsWith('--cpu-prof'))
}

async function sayTheSame(...urls: string[]): Promise<void> {
  const answers = await Promise.all(
    urls.map(async (url) => {
      const body = '{"function":"hello","input":{"name":"Ada"}}'
      const response = await fetch(`${url}/task`, { method: 'POST', body, headers: { authorization: KEY } })
      return `${response.status} ${await response.text()}`
    }),
  )
  if (new Set(answers).size !== 1) throw new Error(`the servers differ: ${answers.join(' and ')}`)
}

function drive(url: string, seconds: number): Promise<number> {
  return measure({ url, script: join(HERE, 'hello.lua'), seconds, connections: CONNECTIONS })
}

async function drivePair(bareServer: ServerProcess, workerServer: ServerProcess): Promise<Pair> {
  const [bare, bareUs] = await driveAndCount(bareServer)
  const [worker, workerUs] = await driveAndCount(workerServer)
  const pair = { bare, worker, ratio: round(worker / bare, 3), bareUs, workerUs }
  process.stdout.write(
    `bare ${bare.toFixed(0)}/s ${bareUs} µs  worker ${worker.toFixed(0)}/s ${workerUs} µs  ratio ${pair.ratio}\n`,
  )
  return pair
}

/** Processor time is hardly moved by what else the machine does, so it is told beside the rate. */
async function driveAndCount({ url, pid }: ServerProcess): Promise<[rate: number, answerUs: number]> {
  const hasAccounts = process.platform === 'linux'
  const before = hasAccounts ? cpuUsOf(pid) : 0
  const rate = await drive(url, RUN_S)
  return [rate, hasAccounts ? round((cpuUsOf(pid) - before) / (rate * RUN_S), 1) : 0]
}

function report(pairs: readonly Pair[], loadBefore: number): void {
  const medianOf = (key: keyof Pair) =>
    pairs.map((pair) => pair[key]).sort((a, b) => a - b)[PAIRS >> 1] as number
  const median = {
    bare: medianOf('bare'),
    worker: medianOf('worker'),
    ratio: medianOf('ratio'),
    bareUs: medianOf('bareUs'),
    workerUs: medianOf('workerUs'),
  }
  const result = {
    at: new Date().toISOString(),
    commit: commit(),
    machine: { cpus: availableParallelism(), cpu: cpus()[0]?.model ?? 'unknown', node: process.version },
    loadBefore,
    load: { connections: CONNECTIONS, seconds: RUN_S },
    target: TARGET,
    median,
    pairs,
  }
  mkdirSync(join(HERE, 'results'), { recursive: true })
  writeFileSync(join(HERE, 'results/worker-alone.json'), `${JSON.stringify(result, null, 2)}\n`)
  const verdict = median.ratio >= TARGET ? 'reached' : 'missed'
  process.stdout.write(
    `median: bare ${median.bare.toFixed(0)}/s, worker ${median.worker.toFixed(0)}/s, ` +
      `ratio ${median.ratio} (the goal of ${TARGET} is ${verdict}); ` +
      `processor time ${median.bareUs} and ${median.workerUs} µs; other load before ${loadBefore}\n`,
  )
}

/** With a plus when the sources differ from it. */
function commit(): string {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
  const isChanged = git('status', '--porcelain', '--', 'worker', 'runtime', 'protocol', 'examples') !== ''
  return git('rev-parse', '--short', 'HEAD') + (isChanged ? '+' : '')
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
