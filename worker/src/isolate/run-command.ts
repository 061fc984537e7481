/**
 * One run of an executable: JSON in, JSON out, in a process group of its own. Called by `command-seat.ts`.
 *
 *   spawn ─▶ running ──exit 0──▶ its output is the result
 *              ├─other exit, signal──▶ failed, with the end of its standard error
 *              └─aborted──▶ SIGTERM to the group ──kill()──▶ SIGKILL to the group
 *
 * Invariant: when `done` settles nothing of the group is left, and at most the limit was held of its output.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'
import { LIMITS } from '@berth/protocol'
import { messageOf, resultTooLarge, resultUnserialisable } from '../attempt/result.ts'
import { startTimer } from '../attempt/timer.ts'
import type { Context } from '../functions/define.ts'
import { parseJsonBytes } from '../input/json-body.ts'
import { CommandVoice, type TellingContext } from './command-voice.ts'
import type { CommandLine } from './define-command.ts'
import { Finished } from './seat.ts'

export interface CommandPlace {
  readonly limitBytes: number
  /** Default this process's own. */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Told of the process group; what it returns is called when nothing of it is left. */
  readonly watch?: (group: number) => () => void
}

export interface RunningCommand {
  /** Rejects when the command failed. */
  readonly done: Promise<Finished>
  /** SIGKILL for the group. */
  kill(): void
}

/** What a failure tells of standard error. */
const TAIL_CHARACTERS = 4_000
/** Lines of standard error that one run may log. */
const LINES_LIMIT = 10_000
/** How long its pipes may stay open when it has exited and its group was killed. */
const CLOSE_LIMIT_MS = 2_000

type Child = ChildProcessByStdio<Writable, Readable, Readable>
type CommandContext = Pick<
  Context,
  'signal' | 'env' | 'runId' | 'attempt' | 'deadline' | 'trace' | 'session' | 'budget'
> &
  TellingContext

/** Where the command finds the pipe on which it may tell what it uses and puts out. */
const TELL_FD = 3

/** Throws when the input cannot be written. */
export function runCommand(
  line: CommandLine,
  input: unknown,
  context: CommandContext,
  place: CommandPlace,
): RunningCommand {
  const text = JSON.stringify(input) ?? 'null'
  // The process's own environment is passed on as it is, not read.
  const child: Child = spawn(line.command, [...(line.args ?? [])], {
    cwd: line.cwd ?? place.cwd,
    env: environmentOf(line, context, place.env ?? process.env),
    detached: true,
    shell: false,
    windowsHide: true,
    stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
  })
  // One that does not read its input, or has ended, breaks the pipe.
  child.stdin.on('error', () => {})
  child.stdin.end(text)
  const running = follow(child, line, context, place.limitBytes)
  const unwatch = child.pid === undefined ? undefined : place.watch?.(child.pid)
  if (unwatch) running.done.then(unwatch, unwatch)
  return running
}

function follow(
  child: Child,
  line: CommandLine,
  context: CommandContext,
  limitBytes: number,
): RunningCommand {
  const { signal, log } = context
  const done = Promise.withResolvers<Finished>()
  const voice = new CommandVoice(context)
  const told = child.stdio[TELL_FD] as Readable
  const output = new Output(limitBytes, () => signalGroup(child, 'SIGKILL'))
  const complaints = new Complaints(log)
  const onAbort = () => signalGroup(child, 'SIGTERM')
  let stopWaiting: (() => void) | undefined
  const settle = (code: number | null, by: string | null) => {
    signal.removeEventListener('abort', onAbort)
    stopWaiting?.()
    complaints.end()
    voice.end()
    if (output.isOver) done.resolve(new Finished(resultTooLarge('not read to its end', limitBytes)))
    else if (code === 0) done.resolve(output.read())
    else done.reject(new Error(failureOf(line.command, code, by, complaints.tail)))
  }
  signal.addEventListener('abort', onAbort, { once: true })
  if (signal.aborted) onAbort()
  child.stdout.on('data', (chunk: Buffer) => output.add(chunk))
  child.stderr.on('data', (chunk: Buffer) => complaints.add(chunk))
  told.on('data', (chunk: Buffer) => voice.add(chunk))
  told.on('error', () => {})
  child.on('error', (error) => {
    signal.removeEventListener('abort', onAbort)
    done.reject(new Error(startFailureOf(line, error)))
  })
  child.on('exit', (code, by) => {
    // What it left behind holds its pipes open, and would outlive the attempt.
    signalGroup(child, 'SIGKILL')
    stopWaiting = startTimer(CLOSE_LIMIT_MS, () => {
      for (const stream of [child.stdout, child.stderr, told]) stream.destroy()
      settle(code, by)
    })
  })
  child.on('close', settle)
  return { done: done.promise, kill: () => signalGroup(child, 'SIGKILL') }
}

function environmentOf(
  line: CommandLine,
  { env, runId, attempt, deadline, trace, session, budget }: CommandContext,
  base: NodeJS.ProcessEnv,
): NodeJS.ProcessEnv {
  return {
    ...base,
    ...env,
    ...line.env,
    BERTH_RUN_ID: runId,
    BERTH_ATTEMPT: String(attempt),
    BERTH_DEADLINE: deadline.toISOString(),
    ...(trace === '' ? {} : { TRACEPARENT: trace }),
    ...(session === undefined ? {} : { BERTH_SESSION: session }),
    ...(budget === undefined ? {} : { BERTH_BUDGET: JSON.stringify(budget) }),
    BERTH_TELL_FD: String(TELL_FD),
  }
}

/** The group lives as long as any process of it, also when its leader has gone. */
function signalGroup(child: Child, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch {
    // Nothing of it is left.
  }
}

/** Standard output up to the limit. */
class Output {
  readonly #limitBytes: number
  readonly #onOver: () => void
  #chunks: Buffer[] = []
  #size = 0

  constructor(limitBytes: number, onOver: () => void) {
    this.#limitBytes = limitBytes
    this.#onOver = onOver
  }

  get isOver(): boolean {
    return this.#size > this.#limitBytes
  }

  add(chunk: Buffer): void {
    const wasOver = this.isOver
    this.#size += chunk.length
    if (!this.isOver) this.#chunks.push(chunk)
    else if (!wasOver) {
      this.#chunks = []
      this.#onOver()
    }
  }

  /** The bytes as they are: JSON is not written a second time. */
  read(): Finished {
    const bytes = Buffer.concat(this.#chunks)
    if (bytes.toString('latin1').trim() === '')
      return new Finished({ ok: true, bytes: Buffer.from('null'), mediaType: '' })
    const parsed = parseJsonBytes(bytes)
    if (parsed.ok) return new Finished({ ok: true, bytes, mediaType: '' })
    const why = parsed.detail.replace(/^The body/, 'standard output')
    return new Finished(resultUnserialisable(why))
  }
}

/** Standard error: lines to the log, and its end for the message of a failure. */
class Complaints {
  tail = ''
  readonly #log: Context['log']
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''
  #lines = 0

  constructor(log: Context['log']) {
    this.#log = log
  }

  add(chunk: Buffer): void {
    const text = this.#decoder.write(chunk)
    this.tail = (this.tail + text).slice(-TAIL_CHARACTERS)
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#write(line)
    // A line without an end is cut, not kept.
    if (this.#rest.length <= LIMITS.logLineText) return
    this.#write(this.#rest)
    this.#rest = ''
  }

  end(): void {
    if (this.#rest !== '') this.#write(this.#rest)
    this.#rest = ''
    const dropped = this.#lines - LINES_LIMIT
    if (dropped > 0) this.#log.warn(`${dropped} lines of standard error were dropped`)
  }

  #write(line: string): void {
    const text = line.replace(/\r$/, '')
    if (text !== '' && this.#lines++ < LINES_LIMIT) this.#log.info(text.slice(0, LIMITS.logLineText))
  }
}

function failureOf(command: string, code: number | null, by: string | null, tail: string): string {
  const how = by === null ? `ended with exit code ${code}` : `was ended by ${by}`
  const end = tail.trim()
  return `"${command}" ${how}${end === '' ? ' and said nothing on standard error' : `: ${end}`}`
}

function startFailureOf({ command, cwd }: CommandLine, error: Error): string {
  const { code } = error as NodeJS.ErrnoException
  const place = cwd === undefined ? '' : ` in ${cwd}`
  const cure =
    code === 'ENOENT'
      ? 'there is no such program or folder; install it, or write its whole path'
      : code === 'EACCES'
        ? 'it may not be run by this user'
        : messageOf(error)
  return `"${command}" could not be started${place}: ${cure}`
}
