/**
 * The load generators: `wrk` for the highest rate (closed loop, one thread), `h2load` for the latency at a given
 * rate (open loop: a slow answer does not delay the next request). Called by scenarios.
 * Invariant: a figure is of good answers only; one bad answer or one broken connection is an error.
 */
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { KEY } from './peers/berth.ts'
import type { Stage } from './stage.ts'

const run = promisify(execFile)

/** One request, the same for every contestant. */
export interface RequestKind {
  readonly path: string
  readonly type: string
  readonly body: Buffer
  /** `body` as a file, which both generators read. */
  readonly file: string
}

export async function makeRequest(
  stage: Stage,
  { path, type, body }: Omit<RequestKind, 'file'>,
): Promise<RequestKind> {
  const file = join(stage.folder, `body-${path.replaceAll('/', '-')}-${body.length}`)
  await writeFile(file, body)
  return { path, type, body, file }
}

/** A megabyte on a busy machine may take more than the two seconds that wrk waits of itself. */
const PATIENCE = '10s'

/** Answers a second. */
export async function driveWrk(
  url: string,
  request: RequestKind,
  { connections, seconds }: { connections: number; seconds: number },
): Promise<number> {
  const script = join(import.meta.dirname, 'request.lua')
  const { stdout } = await run(
    'wrk',
    ['-t1', `-c${connections}`, `-d${seconds}`, '--timeout', PATIENCE, '-s', script, url],
    {
      env: {
        ...process.env,
        BENCH_PATH: request.path,
        BENCH_TYPE: request.type,
        BENCH_KEY: KEY,
        BENCH_BODY: request.file,
      },
    },
  )
  const bad = /^.*(?:Non-2xx or 3xx responses|Socket errors).*$/m.exec(stdout)
  if (bad) throw new Error(`${url} answered badly: ${bad[0].trim()}`)
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  if (!(rate > 0)) throw new Error(`wrk said nothing of a rate:\n${stdout}`)
  return rate
}

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
  /** Requests answered. */
  readonly count: number
}

/** Latency while `rate` requests a second are sent, whether or not the answers keep up. */
export async function driveH2load(
  stage: Stage,
  url: string,
  request: RequestKind,
  { connections, seconds, rate }: { connections: number; seconds: number; rate: number },
): Promise<Latency> {
  const log = join(stage.folder, 'h2load.log')
  await writeFile(log, '')
  const each = Math.max(1, Math.round(rate / connections))
  const args = ['--h1', '-t1', `-c${connections}`, `-D${seconds}`, `--rps=${each}`, `--log-file=${log}`]
  const head = ['-H', `content-type: ${request.type}`, '-H', `authorization: Bearer ${KEY}`]
  await run('h2load', [...args, ...head, '-d', request.file, url + request.path], { maxBuffer: 1 << 26 })
  return readLog(await readFile(log, 'utf8'), url)
}

/** A line is: start (µs), status, duration (µs). */
function readLog(log: string, url: string): Latency {
  const durations: number[] = []
  for (const line of log.split('\n')) {
    const [, status, duration] = line.split('\t')
    if (status === undefined) continue
    if (status !== '200' && status !== '202') throw new Error(`${url} answered ${status}`)
    durations.push(Number(duration) / 1000)
  }
  if (durations.length === 0) throw new Error(`${url} answered nothing`)
  durations.sort((a, b) => a - b)
  const at = (share: number) =>
    durations[Math.min(durations.length - 1, Math.floor(durations.length * share))]
  return { p50Ms: at(0.5) as number, p99Ms: at(0.99) as number, count: durations.length }
}
