/**
 * A repository of stand-ins in a temporary folder, and `start` running in it as a process of its own: for tests
 * that need real signals and real children. All ends with the test.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { pathToFileURL } from 'node:url'
import { isProcessAlive } from '@berth/runtime'
import { listLiveChildren, readStartFile } from '../start-file.ts'

/** Nothing here takes this long; a wait that does has failed. */
const LIMIT_MS = 60_000
const KEY = 'stand-in-key'

export type Output = {
  lines: string[]
  /** Resolves with the first line, seen already or to come, that matches. */
  waitFor(pattern: RegExp): Promise<string>
}

export type Started = Output & { process: ChildProcess; ended: Promise<number | null> }

export type Sandbox = {
  root: string
  dataDir: string
  port: number
  workerPorts: number[]
  env: NodeJS.ProcessEnv
  writeWorkers(entries: readonly unknown[]): void
  start(env?: NodeJS.ProcessEnv): Started
}

export async function makeSandbox(context: TestContext): Promise<Sandbox> {
  const root = mkdtempSync(join(tmpdir(), 'berth-start-'))
  const dataDir = join(root, '.berth')
  writeStandIn(root, 'balancer')
  writeStandIn(root, 'worker')
  const [port = 0, ...workerPorts] = await findFreePorts(3)
  const workersFile = join(root, 'workers.json')
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    PORT: String(port),
    DATA_DIR: dataDir,
    WORKERS_FILE: workersFile,
    LB_AUTH_KEY: KEY,
    STAND_IN_KEY: KEY,
    STAND_IN_WORKERS: 'one,two',
    DASHBOARD_ENABLED: 'false',
    SHUTDOWN_TIMEOUT: '5s',
  }
  const running: Started[] = []
  context.after(async () => {
    const record = readStartFile(dataDir)
    for (const { process: start } of running) start.kill('SIGKILL')
    for (const { pid } of record === undefined ? [] : listLiveChildren(record)) process.kill(pid, 'SIGKILL')
    await Promise.all(running.map(({ ended }) => ended))
    rmSync(root, { recursive: true, force: true })
  })
  return {
    root,
    dataDir,
    port,
    workerPorts,
    env,
    writeWorkers: (entries) => writeFileSync(workersFile, JSON.stringify(entries)),
    start(extra = {}) {
      const started = startProcess(root, { ...env, ...extra })
      running.push(started)
      return started
    },
  }
}

function writeStandIn(root: string, name: 'balancer' | 'worker'): void {
  const folder = join(root, name, 'src')
  mkdirSync(folder, { recursive: true })
  const target = new URL(`./stand-in-${name}.ts`, import.meta.url).href
  writeFileSync(join(folder, 'main.ts'), `await import(${JSON.stringify(target)})\n`)
  writeFileSync(join(root, name, 'package.json'), '{"type":"module"}')
}

function startProcess(root: string, env: NodeJS.ProcessEnv): Started {
  const module = pathToFileURL(join(import.meta.dirname, '..', 'start.ts')).href
  const script = `import { runStart } from ${JSON.stringify(module)}
    const print = (line) => console.log(line)
    process.exit(await runStart({ root: ${JSON.stringify(root)}, env: process.env, print }))`
  const handle = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env,
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(handle, 'close').then(([code]) => code as number | null)
  return { ...collectLines(handle), process: handle, ended }
}

function collectLines(handle: ChildProcess): Output {
  const lines: string[] = []
  const waiting = new Set<() => void>()
  let rest = ''
  handle.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const pieces = (rest + chunk).split('\n')
    rest = pieces.pop() ?? ''
    lines.push(...pieces)
    for (const look of waiting) look()
  })
  const waitFor = (pattern: RegExp) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const look = () => {
      const line = lines.find((candidate) => pattern.test(candidate))
      if (line === undefined) return
      waiting.delete(look)
      clearTimeout(timer)
      resolve(line)
    }
    const timer = setTimeout(
      () => reject(new Error(`no line like ${pattern} in:\n${lines.join('\n')}`)),
      LIMIT_MS,
    )
    waiting.add(look)
    look()
    return promise
  }
  return { lines, waitFor }
}

/**
 * Below those that the system gives to connections: one of these any connection of any test may have by the time a
 * process takes it.
 */
export async function findFreePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(10_100, 32_768)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  const bound = Promise.withResolvers<boolean>()
  server.once('error', () => bound.resolve(false)).once('listening', () => bound.resolve(true))
  server.listen(port, '127.0.0.1')
  if (!(await bound.promise)) return false
  await new Promise((resolve) => server.close(resolve))
  return true
}

/** Waits for something that announces itself to nobody, such as the end of a process that is not our child. */
export async function waitUntil(isTrue: () => boolean, what: string): Promise<void> {
  const endsAtMs = performance.now() + LIMIT_MS
  while (!isTrue()) {
    if (performance.now() > endsAtMs) throw new Error(`waited in vain: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export async function waitUntilGone(pids: readonly number[]): Promise<void> {
  await waitUntil(() => !pids.some(isProcessAlive), `the end of ${pids.join(', ')}`)
}
