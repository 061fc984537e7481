/**
 * The processes and files of one scenario. Every scenario gets a stage of its own from `main.ts`, which ends it.
 * Invariant: whatever a stage started has ended, and its folder is gone, when `end` resolves.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Started {
  readonly name: string
  readonly pid: number
  /** What it has written so far. */
  output(): string
  stop(): Promise<void>
}

export interface Launch {
  /** What it is called in accounts; those of one kind share it. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

const OUTPUT_LIMIT = 1_000_000
const READY_LIMIT_MS = 30_000

/** What is alive is killed when this process ends before it could be stopped. */
const toKill = new Set<() => void>()
process.once('exit', () => {
  for (const killIt of toKill) killIt()
})

export class Stage {
  readonly folder: string
  readonly #running: Started[] = []

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<Stage> {
    return new Stage(await mkdtemp(join(tmpdir(), 'berth-bench-')))
  }

  /** Starts a process and waits until `isReady` says so. Throws, with its output, when it ends before. */
  async start({ name, command, args, env }: Launch, isReady: (started: Started) => Promise<boolean>) {
    const child = spawn(command, args, {
      cwd: this.folder,
      env: { PATH: process.env.PATH, HOME: this.folder, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const started = watch(child, name)
    this.#running.push(started)
    const endsAt = Date.now() + READY_LIMIT_MS
    while (!(await isReady(started))) {
      if (child.exitCode !== null || Date.now() > endsAt)
        throw new Error(`${command} ${args.join(' ')} did not start:\n${started.output().slice(-2000)}`)
      await sleep(50)
    }
    return started
  }

  /** In the order in which they were started. */
  get running(): readonly Started[] {
    return this.#running
  }

  /** The last one started ends first. */
  async end(): Promise<void> {
    for (const started of this.#running.toReversed()) await started.stop()
    await rm(this.folder, { recursive: true, force: true })
  }
}

function watch(child: ChildProcess, name: string): Started {
  let output = ''
  const collect = (piece: Buffer) => {
    output = (output + piece.toString()).slice(-OUTPUT_LIMIT)
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  child.once('error', (error) => collect(Buffer.from(String(error))))
  const killIt = () => void child.kill('SIGKILL')
  toKill.add(killIt)
  return {
    name,
    pid: child.pid ?? -1,
    output: () => output,
    async stop() {
      child.kill('SIGTERM')
      const late = setTimeout(killIt, 10_000)
      if (child.exitCode === null && child.signalCode === null) await exited
      clearTimeout(late)
      toKill.delete(killIt)
    },
  }
}

/** The `url` that a Berth process or a bare server says in a line of JSON; undefined until then. */
export function urlIn(output: string, text: string): string | undefined {
  for (const line of output.split('\n')) {
    if (!line.includes(text)) continue
    const url = /"url":"([^"]+)"/.exec(line)?.[1]
    if (url !== undefined) return url
  }
  return undefined
}

/** A port that was free a moment ago. */
export async function findPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port was free')
  return address.port
}

/** Whether somebody listens there. */
export function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

/** Whether a command is there to be run. */
export function isInstalled(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], {
      env: { PATH: `${process.env.PATH}:/usr/sbin` },
      stdio: 'ignore',
    })
    return true
  } catch {
    return false
  }
}
