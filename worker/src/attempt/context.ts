/**
 * What a handler gets beside its input. Made by `attempt.ts`, once an attempt.
 * The signal's controller is made when somebody first asks for it, since most handlers never do.
 */
import type { Tags, TaskBudget, Usage } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import { type FileData, type FileOrder, readFileOrder } from '../files/file-data.ts'
import { NO_FILES, type TaskFiles } from '../files/task-files.ts'
import { type Context, type ContextLog, RetryAfter, type Turn } from '../functions/define.ts'
import type { FunctionEnv } from '../privacy/env-file.ts'
import type { Emitter, NoteKind } from '../stream/emitter.ts'
import { AttemptBudget } from './budget.ts'
import { readTurns } from './session-turns.ts'
import { SoFar } from './so-far.ts'
import { readMessage, readSource, readUsage, refuseFile } from './told.ts'

/** The part of a task that its handler may see. */
export interface ContextFacts {
  readonly run: string
  readonly attempt: number
  readonly fence: number
  readonly trace: string
  readonly contentType: string
  /** Bytes that came in instead of JSON. */
  readonly body?: Blob | undefined
  readonly session?: string | undefined
  /** The earlier turns of the session as JSON. */
  readonly turns?: Uint8Array | undefined
  /** As it stood when the attempt was sent. */
  readonly budget?: TaskBudget | undefined
  readonly functionName: string
}

/** Where files go and come from. */
export interface ContextFiles {
  write(order: FileOrder): Promise<void>
  /** Resolves when nothing is written any more; undefined when nothing is. */
  pending(): Promise<unknown> | undefined
  /** Nobody wants them any more. */
  end(): void
  /** What came with the task. */
  readonly received: TaskFiles | undefined
}

export interface ContextPorts {
  readonly log: Log
  readonly tags: () => Tags
  /** Settings and secrets of FUNCTION_ENV_FILE. */
  readonly env?: FunctionEnv | undefined
  /** Texts that this task's lines may not hold. */
  readonly redact?: (() => readonly string[]) | undefined
  /** Absent when nobody reads what is made on the way. */
  readonly emitter?: Emitter | undefined
  /** Absent where no run keeps them. */
  readonly files?: ContextFiles | undefined
  /** Hears what the handler uses, whoever reads the rest. */
  readonly onUsage?: ((report: Usage) => void) | undefined
  /** Milliseconds in the handler so far; counted from the start unless given. */
  readonly runMs?: (() => number) | undefined
  /** Runs another function; absent where there is none. */
  readonly call?: ((name: string, input: unknown, context: AttemptContext) => Promise<unknown>) | undefined
}

const NO_ENV: FunctionEnv = Object.freeze({})
const ROOM = Promise.resolve()
/** Longest text of a progress. */
const PROGRESS_TEXT = 1024

export class AttemptContext implements Context {
  readonly runId: string
  readonly attempt: number
  readonly fence: number
  readonly trace: string
  readonly contentType: string
  readonly body: Blob | undefined
  readonly deadline: Date
  readonly #facts: ContextFacts
  readonly #ports: ContextPorts
  #controller: AbortController | undefined
  #reason: Error | undefined
  #log: ContextLog | undefined
  #isClosed = false
  #turns: readonly Turn[] | undefined
  readonly #budget: AttemptBudget | undefined
  /** Kept where it may become the result. */
  readonly #soFar: SoFar | undefined
  /** Handlers that wait for room. */
  #waiters: Set<() => void> | undefined

  constructor(facts: ContextFacts, deadline: Date, ports: ContextPorts) {
    this.runId = facts.run
    this.attempt = facts.attempt
    this.fence = facts.fence
    this.trace = facts.trace
    this.contentType = facts.contentType
    this.body = facts.body
    this.deadline = deadline
    this.#facts = facts
    this.#ports = ports
    if (!facts.budget) return
    const startedAt = performance.now()
    this.#budget = new AttemptBudget(facts.budget, ports.runMs ?? (() => performance.now() - startedAt))
    if (facts.budget.level !== 'unlimited') this.#soFar = new SoFar()
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#reason) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Of a run on disk; a task that came past the balancer has none. */
  get session(): string | undefined {
    return this.#facts.session
  }

  get turns(): readonly Turn[] {
    this.#turns ??= readTurns(this.#facts.turns)
    return this.#turns
  }

  get budget(): Context['budget'] {
    return this.#budget?.view
  }

  get tags(): Tags {
    return this.#ports.tags()
  }

  get env(): FunctionEnv {
    return this.#ports.env ?? NO_ENV
  }

  get log(): ContextLog {
    const { emitter, log, redact } = this.#ports
    const { functionName, run } = this.#facts
    this.#log ??= log.child(
      { source: functionName, run },
      emitter && ((entry) => !this.#isClosed && emitter.note('log', entry)),
      redact,
    )
    return this.#log
  }

  // Getters, so that a handler may take them apart: `(input, { stream }) => …`.
  get stream(): Context['stream'] {
    return (chunk) => this.#stream(chunk)
  }

  get progress(): Context['progress'] {
    return (fraction, text) => this.#progress(fraction, text)
  }

  get usage(): Context['usage'] {
    return (used) => this.#use(readUsage(used))
  }

  get source(): Context['source'] {
    return (source) => this.#note('source', readSource(source))
  }

  get message(): Context['message'] {
    return (message) => this.#note('message', { message: readMessage(message) })
  }

  get file(): Context['file'] {
    return (path, data, mediaType) => {
      const written = this.#file(path, data, mediaType)
      // Whoever does not wait for it finds it in the log.
      written.catch((error: unknown) => this.log.warn('a file was not kept', { path: String(path), error }))
      return written
    }
  }

  /** For a handler in a thread, which gets its files piece by piece. */
  async read(path: string, from: number, length: number): Promise<Uint8Array> {
    const file = await this.files.read(path)
    return file.part(from, length)
  }

  get files(): TaskFiles {
    return this.#ports.files?.received ?? NO_FILES
  }

  get call(): Context['call'] {
    return async (name, input = {}) => {
      const { call } = this.#ports
      if (!call) throw new Error('ctx.call needs a worker; give the test a `call` of its own')
      return call(name, input, this)
    }
  }

  get retryAfter(): Context['retryAfter'] {
    return (ms, message) => {
      if (!(ms >= 0)) throw new RangeError(`ctx.retryAfter takes milliseconds, not ${ms}`)
      throw new RetryAfter(ms, message)
    }
  }

  /** Not for handlers: the turns as they came, for the thread in which they are read. */
  static turnsOf(context: AttemptContext): Uint8Array | undefined {
    return context.#facts.turns
  }

  /** Not for handlers: fires the signal. */
  static abort(context: AttemptContext, reason: Error): void {
    context.#reason ??= reason
    context.#ports.files?.end()
    context.#controller?.abort(context.#reason)
    for (const release of context.#waiters ?? []) release()
  }

  /** Not for handlers: what a handler in a thread has told, checked there. */
  static use(context: AttemptContext, report: Usage): void {
    context.#use(report)
  }

  /** Not for handlers: as it came. */
  static budgetOf(context: AttemptContext): TaskBudget | undefined {
    return context.#facts.budget
  }

  /** Not for handlers: what was streamed by a handler that has returned nothing. */
  static soFar(context: AttemptContext): ReturnType<SoFar['take']> {
    return context.#soFar?.take()
  }

  /** Not for handlers: the attempt is over, and what it still says reaches nobody. */
  static close(context: AttemptContext): void {
    context.#isClosed = true
  }

  async #file(path: string, data: FileData, mediaType: string | undefined): Promise<void> {
    const order = readFileOrder(path, data, mediaType)
    const { files } = this.#ports
    if (!files) return refuseFile(order.path)
    if (this.#isClosed || this.#reason) throw new Error('ctx.file: the attempt is over')
    await files.write(order)
  }

  #stream(chunk: string | Uint8Array): Promise<void> {
    if (typeof chunk !== 'string' && !ArrayBuffer.isView(chunk))
      throw new TypeError(
        'ctx.stream takes a text or bytes; make one of the value, for example with JSON.stringify',
      )
    const { emitter } = this.#ports
    if ((!emitter && !this.#soFar) || this.#isClosed || isEmpty(chunk)) return ROOM
    const bytes = copyOf(chunk)
    // What is said after the signal may still become the result.
    this.#soFar?.add(bytes)
    return emitter && !this.#reason ? this.#untilRoom(emitter.chunk(bytes)) : ROOM
  }

  #use(report: Usage): void {
    if (this.#isClosed) return
    this.#budget?.add(report)
    this.#ports.onUsage?.(report)
    this.#note('usage', report)
  }

  /** A handler that waits for its reader hears of the abort, too. */
  #untilRoom(room: Promise<void>): Promise<void> {
    this.#waiters ??= new Set()
    const waiters = this.#waiters
    return new Promise((resolve) => {
      const done = () => {
        waiters.delete(done)
        resolve()
      }
      waiters.add(done)
      void room.then(done)
    })
  }

  #progress(fraction: number, text?: string): void {
    if (!Number.isFinite(fraction)) return
    const bounded = Math.min(Math.max(fraction, 0), 1)
    const shown = text === undefined ? {} : { text: String(text).slice(0, PROGRESS_TEXT) }
    this.#note('progress', { fraction: bounded, ...shown })
  }

  #note(kind: NoteKind, value: object): void {
    if (!this.#isClosed) this.#ports.emitter?.note(kind, value)
  }
}

/** Copied: the handler may fill its buffer again while these bytes still wait. */
function copyOf(chunk: string | ArrayBufferView): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk)
  return new Uint8Array(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
}

function isEmpty(chunk: string | ArrayBufferView): boolean {
  return (typeof chunk === 'string' ? chunk.length : chunk.byteLength) === 0
}
