/**
 * Starts real processes for end-to-end tests and sees to it that each of them ends.
 * Called by berth.ts. The invariant: no process outlives the test that started it, nor the test's own
 * process, however that one ends: by its end, by a signal, or (through the runner's mark) by `kill -9`.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readThreads } from '../runner/shutdown.ts'
import { inReverse, type Scope } from './scope.ts'

const OUTPUT_LIMIT = 2_000_000
const STOP_LIMIT_MS = 15_000

export type Exit = { code: number | null; signal: NodeJS.Signals | null }

export type Launch = {
  /** What messages call it. */
  name: string
  /** Arguments of the Node that runs the tests. */
  args: readonly string[]
  cwd: string
  /** The whole environment beside PATH and HOME (which is `cwd`), so that the caller's own cannot leak in. */
  env: Readonly<Record<string, string>>
  /** A command that becomes the process somewhere else, such as `nsenter --net=…`. */
  within?: readonly string[]
}

export type Running = {
  readonly pid: number
  /** Standard output and error as they came, the last two million characters. */
  output(): string
  /** The JSON objects among the lines of the output. */
  logLines(): Record<string, unknown>[]
  /** Resolves when the process has gone; never rejects. */
  readonly exited: Promise<Exit>
  hasExited(): boolean
  signal(signal: NodeJS.Signals): void
  /** SIGTERM and the wait for a clean end; throws, and kills, when it takes longer than the bound. */
  stop(boundMs?: number): Promise<Exit>
  /** SIGKILL to the one process, and the wait until it has gone. */
  kill9(): Promise<void>
}

/** Processes that are alive now; each leads a group of its own. */
const alive = new Set<number>()

process.on('exit', killAll)
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  process.once(signal, () => {
    killAll()
    process.kill(process.pid, signal)
  })
}

export function startProcess(scope: Scope, launch: Launch): Running {
  const [file = process.execPath, ...args] = [...(launch.within ?? []), process.execPath, ...launch.args]
  const child = spawn(file, args, {
    cwd: launch.cwd,
    env: { ...inherited(), HOME: launch.cwd, ...launch.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`${launch.name} could not be started from ${launch.cwd}`)
  alive.add(pid)
  const output = collectOutput(child)
  const exited = waitForExit(child, pid)
  const hasExited = (): boolean => child.exitCode !== null || child.signalCode !== null
  const running: Running = {
    pid,
    output,
    logLines: () => readLogLines(output()),
    exited,
    hasExited,
    signal: (signal) => void child.kill(signal),
    async stop(boundMs = STOP_LIMIT_MS) {
      child.kill('SIGTERM')
      if (await isWithin(exited, boundMs)) return exited
      const threads = (await readThreads(pid))?.join(', ') ?? 'unknown'
      killGroup(pid)
      const late = `${launch.name} did not stop within ${boundMs} ms of SIGTERM`
      throw new Error(`${late}. It said:\n${output()}\nIts threads were: ${threads}`)
    },
    async kill9() {
      child.kill('SIGKILL')
      await exited
    },
  }
  inReverse(scope).after(async () => {
    killGroup(pid)
    await exited
  })
  return running
}

/**
 * PATH for tools that a process may start; the runner's mark, by which it finds what was left behind; and where the
 * runner keeps compiled code, so that the hundredth process does not compile all of it once more.
 */
function inherited(): Record<string, string> {
  const { PATH = '', BERTH_TEST_RUN, NODE_COMPILE_CACHE } = process.env
  return {
    PATH,
    ...(BERTH_TEST_RUN && { BERTH_TEST_RUN }),
    ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }),
  }
}

function collectOutput(child: ChildProcess): () => string {
  let output = ''
  const collect = (text: string): void => {
    output = (output + text).slice(-OUTPUT_LIMIT)
  }
  child.stdout?.setEncoding('utf8').on('data', collect)
  child.stderr?.setEncoding('utf8').on('data', collect)
  return () => output
}

function readLogLines(output: string): Record<string, unknown>[] {
  return output.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return []
    try {
      return [JSON.parse(line) as Record<string, unknown>]
    } catch {
      // The last line may not be whole yet.
      return []
    }
  })
}

function waitForExit(child: ChildProcess, pid: number): Promise<Exit> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ code: null, signal: null }))
    child.once('close', (code, signal) => {
      // The group is not killed here: its number may belong to another by now.
      alive.delete(pid)
      resolve({ code, signal })
    })
  })
}

async function isWithin(promise: Promise<unknown>, boundMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, boundMs, false)
  })
  const isDone = await Promise.race([promise.then(() => true), late])
  clearTimeout(timer)
  return isDone
}

function killAll(): void {
  for (const pid of alive) killGroup(pid)
}

function killGroup(pid: number): void {
  if (!alive.has(pid)) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
