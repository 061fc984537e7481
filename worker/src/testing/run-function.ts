/**
 * `@berth/worker/testing`: runs one function in this process, as a worker would, with a context that the test
 * makes. No server, no files, no keys. For users' tests of their functions.
 * Invariant: what a worker would refuse, cut off or fail is refused, cut off or failed here, with the same error.
 */
import { isUtf8 } from 'node:buffer'
import type { LogEntry, OutcomeError, OutcomeKind, Tags } from '@berth/protocol'
import { createLog, type Log, systemClock } from '@berth/runtime'
import { Attempt, type AttemptSpec, type Outcome } from '../attempt/attempt.ts'
import { type FileOrder, piecesOf } from '../files/file-data.ts'
import { makeTaskFiles, type TaskFiles } from '../files/task-files.ts'
import type { FunctionDefinition, Source, Turn } from '../functions/define.ts'
import { type RegisteredFunction, registerFunction } from '../functions/registry.ts'
import { MainRunner } from '../isolate/main-seat.ts'
import { Secrets } from '../privacy/secrets.ts'
import type { Emitter, NoteKind } from '../stream/emitter.ts'

/** What the handler finds in its context; all of it may be left out. */
export interface RunOptions {
  readonly runId?: string
  /** Default 1. */
  readonly attempt?: number
  /** Default 0. */
  readonly fence?: number
  readonly trace?: string
  /** Default none. Lines and errors of the run show `***` instead of the values. */
  readonly env?: Readonly<Record<string, string>>
  readonly tags?: Tags
  /** The session that the task is of, and its earlier turns, the oldest first. */
  readonly session?: string
  readonly turns?: readonly Turn[]
  /** Bytes instead of JSON: `ctx.body`. */
  readonly body?: Uint8Array | string | Blob
  /** Default that of `body`, else `application/json`. */
  readonly contentType?: string
  /** What came along: `ctx.files`. */
  readonly files?: readonly GivenFile[]
  /** Answers `ctx.call`; what it throws, the call rejects with. Default: every call is refused. */
  readonly call?: (name: string, input: object) => unknown
  /** Milliseconds; default the function's `config.timeout`, else 30,000. */
  readonly timeout?: number
  /** Aborted by the test: the caller goes away. */
  readonly signal?: AbortSignal
  /** What the function is called; default `function`. */
  readonly name?: string
}

/** Default type `application/octet-stream`. */
export interface GivenFile {
  readonly path: string
  readonly data: Uint8Array | string
  readonly mediaType?: string
}

export interface WrittenFile {
  readonly path: string
  readonly mediaType: string
  readonly data: Uint8Array
}

export interface Progress {
  readonly fraction: number
  readonly text?: string
}

export interface Called {
  readonly function: string
  readonly input: object
}

export interface FunctionRun {
  /** `refused`: the input does not fit, or `setup` failed; the handler was not called. */
  readonly outcome: OutcomeKind
  /** As a caller gets it, through JSON; `{mediaType, bytes}` when the function returned bytes. Undefined on failure. */
  readonly result: unknown
  readonly error: OutcomeError | undefined
  /** What went through `ctx.stream`, in order: text where it is text, else bytes. */
  readonly chunks: readonly (string | Uint8Array)[]
  /** Lines of `ctx.log`, as they would be written. */
  readonly logs: readonly LogEntry[]
  readonly progress: readonly Progress[]
  /** What `ctx.usage` was told, in order. */
  readonly usage: readonly Readonly<Record<string, number>>[]
  readonly sources: readonly Source[]
  readonly messages: readonly (string | object)[]
  /** What `ctx.file` wrote, by path, the last of each. */
  readonly files: readonly WrittenFile[]
  /** What was called by `ctx.call`, in order. */
  readonly calls: readonly Called[]
  /** Milliseconds. */
  readonly runMs: number
}

const RESULT_LIMIT_BYTES = 10 * 1024 * 1024
const TIMEOUT_MS = 30_000

/** Never rejects for what the function does; throws on a definition that a worker would not load. */
export async function runFunction(
  definition: FunctionDefinition,
  input: Readonly<Record<string, unknown>> = {},
  options: RunOptions = {},
): Promise<FunctionRun> {
  const fn = registerFunction(options.name ?? 'function', definition)
  const gathered = new Gathered()
  const checked = await fn.input.check(input, '/input')
  if (!checked.ok) return gathered.refused(checked.error)
  const env = options.env ?? {}
  const secrets = new Secrets(Object.values(env))
  const log = createLog({ source: fn.name, level: 'debug', write: () => {}, redact: secrets.texts })
  const claimed = await new MainRunner(fn, { clock: systemClock, log, env }).claim()
  if ('ok' in claimed && !claimed.ok)
    return gathered.refused({ code: 'FUNCTION_FAILED', message: secrets.mask(claimed.reason) })
  const seat = 'ok' in claimed ? claimed.seat : claimed
  const spec: AttemptSpec = { ...specOf(fn, checked.value, options), seat }
  return gathered.run(
    spec,
    { log, env, secrets, tags: options.tags ?? {}, call: options.call, given: options.files },
    options.signal,
  )
}

function specOf(fn: RegisteredFunction, input: unknown, options: RunOptions): AttemptSpec {
  const body = blobOf(options)
  return {
    function: fn,
    input,
    facts: {
      run: options.runId ?? 'r_test',
      attempt: options.attempt ?? 1,
      fence: options.fence ?? 0,
      trace: options.trace ?? '',
      contentType:
        options.contentType ?? (body ? body.type || 'application/octet-stream' : 'application/json'),
      body,
      session: options.session,
      // As if they had travelled.
      turns: options.turns && Buffer.from(JSON.stringify(options.turns)),
    },
    timeoutMs: options.timeout ?? fn.timeoutMs ?? TIMEOUT_MS,
    remainingMs: null,
  }
}

function blobOf({ body, contentType }: RunOptions): Blob | undefined {
  if (body === undefined || body instanceof Blob) return body
  const type = contentType ?? 'application/octet-stream'
  return new Blob([typeof body === 'string' ? body : new Uint8Array(body)], { type })
}

interface Surroundings {
  readonly log: Log
  readonly env: Readonly<Record<string, string>>
  readonly secrets: Secrets
  readonly tags: Tags
  readonly call: RunOptions['call']
  readonly given: RunOptions['files']
}

/** What one run gives away, kept for the test. */
class Gathered implements Emitter {
  readonly #chunks: (string | Uint8Array)[] = []
  readonly #logs: LogEntry[] = []
  readonly #progress: Progress[] = []
  readonly #usage: Record<string, number>[] = []
  readonly #sources: Source[] = []
  readonly #messages: (string | object)[] = []
  readonly #calls: Called[] = []
  readonly #files = new Map<string, WrittenFile>()

  async chunk(bytes: Uint8Array): Promise<void> {
    this.#chunks.push(isUtf8(bytes) ? Buffer.from(bytes).toString('utf8') : bytes)
  }

  note(kind: NoteKind, value: object): void {
    if (kind === 'log') this.#logs.push(value as LogEntry)
    if (kind === 'progress') this.#progress.push(value as Progress)
    if (kind === 'usage') this.#usage.push(value as Record<string, number>)
    if (kind === 'source') this.#sources.push(value as Source)
    if (kind === 'message') this.#messages.push((value as { message: string | object }).message)
  }

  refused(error: OutcomeError): FunctionRun {
    return this.#report({
      header: { outcome: 'refused', runMs: 0, mediaType: '', error },
      result: { bytes: Buffer.alloc(0), mediaType: '' },
    })
  }

  /** Resolves when the handler has ended, or was told to and did not. */
  async run(spec: AttemptSpec, around: Surroundings, signal: AbortSignal | undefined): Promise<FunctionRun> {
    const { log, env, secrets, tags, call, given = [] } = around
    const answered = Promise.withResolvers<Outcome>()
    const ports = {
      clock: systemClock,
      log,
      tags: () => tags,
      env,
      secrets,
      emitter: this,
      call: call && ((name: string, input: unknown) => this.#call(call, name, input)),
      files: {
        write: (order: FileOrder) => this.#write(order),
        pending: () => this.#writing,
        end() {},
        received: receivedFrom(given),
      },
      resultLimitBytes: RESULT_LIMIT_BYTES,
    }
    const attempt = new Attempt(spec, ports, {
      onAnswer: (outcome) => answered.resolve(outcome),
      onEnd() {},
      // One that ignores its signal is answered as a worker that leaves would answer it.
      onStuck: () => attempt.giveUp(),
    })
    const onAbort = () => attempt.abort('caller')
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    // Timers of an attempt keep no process alive, and a test that waits for one must not end before it.
    const alive = setInterval(() => {}, 1_000)
    attempt.begin()
    const outcome = await answered.promise
    clearInterval(alive)
    signal?.removeEventListener('abort', onAbort)
    return this.#report(outcome)
  }

  #writing: Promise<unknown> | undefined

  #write({ path, mediaType, data }: FileOrder): Promise<void> {
    const written = Promise.resolve(this.#writing).then(async () => {
      const pieces: Uint8Array[] = []
      for await (const piece of piecesOf(data)) pieces.push(new Uint8Array(piece))
      this.#files.set(path, { path, mediaType, data: new Uint8Array(Buffer.concat(pieces)) })
    })
    this.#writing = written.catch(() => {})
    return written
  }

  /** Input and result are copies, as if they had travelled. */
  async #call(answer: NonNullable<RunOptions['call']>, name: string, input: unknown): Promise<unknown> {
    const given = structuredClone(input) as object
    this.#calls.push({ function: name, input: given })
    return structuredClone(await answer(name, given))
  }

  #report({ header, result }: Outcome): FunctionRun {
    return {
      outcome: header.outcome,
      result: header.outcome === 'completed' ? readResult(result.bytes, result.mediaType) : undefined,
      error: header.error,
      chunks: this.#chunks,
      logs: this.#logs,
      progress: this.#progress,
      usage: this.#usage,
      sources: this.#sources,
      messages: this.#messages,
      files: [...this.#files.values()],
      calls: this.#calls,
      runMs: header.runMs,
    }
  }
}

function receivedFrom(given: readonly GivenFile[]): TaskFiles {
  const data = given.map((file) => new Uint8Array(Buffer.from(file.data)))
  const facts = given.map(({ path, mediaType = 'application/octet-stream' }, at) => ({
    path,
    mediaType,
    size: data[at]?.length ?? 0,
  }))
  return makeTaskFiles(facts, async (at, from, length) =>
    (data[at] ?? new Uint8Array(0)).slice(from, from + length),
  )
}

function readResult(bytes: Uint8Array, mediaType: string): unknown {
  return mediaType === '' ? JSON.parse(Buffer.from(bytes).toString('utf8')) : { mediaType, bytes }
}
