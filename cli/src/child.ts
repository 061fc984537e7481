/**
 * Owns one process of `start`: its group, its output by the line, its lifeline and its end.
 * Called by the supervisor for each life of a child. The child leads a process group of its own, so a Ctrl-C
 * in the terminal does not reach it; the pipe on descriptor 3 tells it when this process is gone.
 * Invariant: `ended` resolves exactly once, after the last line, and nothing of the group lives on.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable } from 'node:stream'
import { LIFELINE_VARIABLE, readProcessIdentity } from '@berth/runtime'

/** A longer line is passed on in pieces. */
const LINE_LIMIT = 16 * 1024
/** How long output may stay open after the end, held by something that left the group. */
const OUTPUT_GRACE_MS = 500

export type ChildSpec = {
  name: string
  /** Arguments for the pinned node. */
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** Where it listens, for people and for `start.json`. */
  port: number
}

export type ChildEnd = { code: number | null; signal: NodeJS.Signals | null; error?: string }

export type Child = {
  /** Undefined when the process could not be started. */
  pid: number | undefined
  /** Tells the process apart from a later one with its pid. */
  identity: string | undefined
  ended: Promise<ChildEnd>
  /** Sends a signal to the process alone. */
  send(signal: NodeJS.Signals): void
  /** Ends the process and all that it started, at once. */
  killGroup(): void
}

export function startChild(spec: ChildSpec, onLine: (line: string) => void): Child {
  const handle = spawn(process.execPath, spec.args, {
    detached: true,
    env: { ...spec.env, [LIFELINE_VARIABLE]: '3' },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  holdLifeline(handle)
  for (const stream of [handle.stdout, handle.stderr]) if (stream !== null) readLines(stream, onLine)
  const { pid } = handle
  const killGroup = () => {
    if (pid !== undefined) signalQuietly(-pid, 'SIGKILL')
  }
  return {
    pid,
    identity: pid === undefined ? undefined : readProcessIdentity(pid),
    ended: waitForEnd(handle, killGroup),
    send(signal) {
      handle.kill(signal)
    },
    killGroup,
  }
}

/** The pipe is never written to; it only has to end when we do, and must not keep us alive. */
function holdLifeline(handle: ChildProcess): void {
  const pipe = handle.stdio[3] as (Readable & { unref?(): void }) | null | undefined
  pipe?.on('error', () => {})
  pipe?.resume()
  pipe?.unref?.()
}

function waitForEnd(handle: ChildProcess, killGroup: () => void): Promise<ChildEnd> {
  const { promise, resolve } = Promise.withResolvers<ChildEnd>()
  handle.once('error', (error) => {
    if (handle.pid === undefined) resolve({ code: null, signal: null, error: error.message })
  })
  handle.once('exit', (code, signal) => {
    // What the leader left in its group would run on unseen, and hold the output open.
    killGroup()
    const finish = () => {
      clearTimeout(timer)
      handle.stdout?.destroy()
      handle.stderr?.destroy()
      resolve({ code, signal })
    }
    const timer = setTimeout(finish, OUTPUT_GRACE_MS)
    handle.once('close', finish)
  })
  return promise
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('error', () => {})
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line.endsWith('\r') ? line.slice(0, -1) : line)
    while (rest.length > LINE_LIMIT) {
      onLine(rest.slice(0, LINE_LIMIT))
      rest = rest.slice(LINE_LIMIT)
    }
  })
  stream.once('end', () => {
    if (rest !== '') onLine(rest)
  })
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {}
}

/** How a child ended, as the end of a sentence. */
export function describeEnd({ code, signal, error }: ChildEnd): string {
  if (error !== undefined) return `could not be started (${error})`
  return signal === null ? `ended with code ${code}` : `was killed by ${signal}`
}
