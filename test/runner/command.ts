/**
 * Runs one command of the test runner in a process group of its own, with a bound on its time.
 * Called by the parts. The invariant: when `runCommand` has answered, no process that the command started
 * is left; what outlived it was ended here, by group and by the mark in its environment, and is named.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { delimiter, dirname } from 'node:path'

const MARK = 'BERTH_TEST_RUN'
const KILL_AFTER_MS = 3_000
const TELL_MS = 1_000
const GIVE_UP_STEP_MS = 500
const LEFTOVER_GRACE_MS = 1_000
const OUTPUT_LIMIT_BYTES = 4 * 1024 * 1024

export type Command = {
  file: string
  args: readonly string[]
  cwd: string
  limitMs: number
  /** true: straight to the terminal; false: kept (the last 4 MiB) and answered. */
  live: boolean
  env?: Readonly<Record<string, string>>
  /** Asked twice a second of the running process: why it is ended before its limit; undefined: it is not. */
  giveUp?: (pid: number) => Promise<string | undefined>
  /** Sent to the process alone a second before it is ended at its limit, so that it can say what it does. */
  tellSignal?: NodeJS.Signals
}

export type Ending = {
  /** undefined when it ended by itself with exit code 0, or was given up. */
  fault: string | undefined
  output: string
  /** What `giveUp` said, when it did. */
  gaveUp?: string
}

/** Groups that are alive now, so that an interrupted runner can end them. */
const groups = new Set<number>()
let isStopping = false

export async function runCommand(command: Command): Promise<Ending> {
  if (isStopping) return { fault: 'was not started: the run is being stopped', output: '' }
  const mark = randomUUID()
  const child = spawn(command.file, command.args, {
    cwd: command.cwd,
    env: { ...process.env, ...command.env, PATH: pathWithThisNode(), [MARK]: mark },
    stdio: command.live ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const output = collectOutput(child)
  const { pid } = child
  if (pid !== undefined) groups.add(pid)
  const { fault, gaveUp } = await waitWithin(child, command)
  const leftovers = await endLeftovers(mark)
  if (pid !== undefined) {
    signalGroup(pid, 'SIGKILL')
    groups.delete(pid)
  }
  const leak = leftovers.length > 0 ? `left processes running: ${leftovers.join('; ')}` : undefined
  return { fault: fault ?? leak, output: output(), ...(gaveUp === undefined ? {} : { gaveUp }) }
}

/** Ends every group that is still alive, the stubborn ones after a second, and starts no more of them. */
export async function endAllGroups(): Promise<void> {
  isStopping = true
  for (const pid of groups) signalGroup(pid, 'SIGTERM')
  const until = performance.now() + LEFTOVER_GRACE_MS
  while (groups.size > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  for (const pid of groups) signalGroup(pid, 'SIGKILL')
}

type End = { fault?: string | undefined; gaveUp?: string | undefined }

function waitWithin(child: ChildProcess, command: Command): Promise<End> {
  const { limitMs, tellSignal } = command
  return new Promise((resolve) => {
    let late: string | undefined
    let gaveUp: string | undefined
    const timers: NodeJS.Timeout[] = []
    const end = (signal: NodeJS.Signals): void => {
      if (child.pid !== undefined) signalGroup(child.pid, signal)
    }
    const endSoon = (): void => {
      end('SIGTERM')
      timers.push(setTimeout(end, KILL_AFTER_MS, 'SIGKILL'))
    }
    const onLimit = (): void => {
      late = `did not end within ${limitMs / 1000} s and was ended`
      if (!tellSignal) return endSoon()
      child.kill(tellSignal)
      timers.push(setTimeout(endSoon, TELL_MS))
    }
    timers.push(setTimeout(onLimit, limitMs))
    const stopAsking = askRepeatedly(child, command, (reason) => {
      gaveUp = reason
      end('SIGKILL')
    })
    const finish = (fault: string | undefined): void => {
      for (const timer of timers) clearTimeout(timer)
      stopAsking()
      child.stdout?.destroy()
      child.stderr?.destroy()
      resolve(gaveUp === undefined ? { fault: late ?? fault } : { gaveUp })
    }
    child.on('error', (error) => finish(`could not be started: ${error.message}`))
    child.on('exit', (code, signal) => {
      const fault = code === 0 ? undefined : `ended with ${signal ?? `exit code ${code}`}`
      child.on('close', () => finish(fault))
      // A process left behind may hold the pipes open; `close` would wait for it.
      setTimeout(finish, LEFTOVER_GRACE_MS, fault).unref()
    })
  })
}

/** Until there is a reason, or until it is stopped; one question at a time. */
function askRepeatedly(
  child: ChildProcess,
  { giveUp }: Command,
  onReason: (reason: string) => void,
): () => void {
  const { pid } = child
  if (!giveUp || pid === undefined) return () => {}
  let timer: NodeJS.Timeout | undefined
  const ask = async (): Promise<void> => {
    const reason = await giveUp(pid)
    if (timer === undefined) return
    if (reason === undefined) timer = setTimeout(() => void ask(), GIVE_UP_STEP_MS)
    else onReason(reason)
  }
  timer = setTimeout(() => void ask(), GIVE_UP_STEP_MS)
  return () => {
    clearTimeout(timer)
    timer = undefined
  }
}

function collectOutput(child: ChildProcess): () => string {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  const collect = (chunk: Buffer): void => {
    chunks.push(chunk)
    sizeBytes += chunk.length
    while (sizeBytes > OUTPUT_LIMIT_BYTES && chunks.length > 1) sizeBytes -= chunks.shift()?.length ?? 0
  }
  child.stdout?.on('data', collect)
  child.stderr?.on('data', collect)
  return () => Buffer.concat(chunks).toString()
}

/**
 * Ends what still carries the mark of a command that is over, and names it. Only where /proc shows the
 * environment of processes; elsewhere the kill of the group is all there is.
 */
async function endLeftovers(mark: string): Promise<string[]> {
  const found = await waitForNone(mark)
  for (const { pid } of found) signalProcess(pid, 'SIGKILL')
  if (found.length > 0) await waitForNone(mark)
  return found.map(({ pid, title }) => `${pid} ${title}`)
}

/** What still carries the mark when the grace is over; at once when nothing does. */
async function waitForNone(mark: string): Promise<Marked[]> {
  const until = performance.now() + LEFTOVER_GRACE_MS
  let found = await findMarked(mark)
  while (found.length > 0 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    found = await findMarked(mark)
  }
  return found
}

type Marked = { pid: number; title: string }

/** A process that has ended but was not collected by its parent has no environment, so it does not count. */
async function findMarked(mark: string): Promise<Marked[]> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    pids.map(async (pid) => {
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')
      if (!environment.includes(`${MARK}=${mark}`)) return undefined
      const title = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      return { pid, title: title.replaceAll('\0', ' ').trim().slice(0, 200) }
    }),
  )
  return found.filter((entry) => entry !== undefined)
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  signalProcess(-pid, signal)
}

/** A process that has gone meanwhile is what was wanted. */
function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Tools written as shell scripts start `node` by name: they shall get the pinned one. */
function pathWithThisNode(): string {
  return [dirname(process.execPath), process.env.PATH].filter(Boolean).join(delimiter)
}
