/**
 * One function thread, seen from the worker. Made and kept by `thread-pool.ts`.
 *
 *   idle ─prepare─▶ idle ─call─▶ busy ─returned, threw─▶ idle
 *     └──────────────┴────────────┴─ killed, process.exit, out of memory, uncaught error ─▶ dead
 *
 * Invariant: whatever ends the thread fails what it was doing, once, and nothing else.
 */
import { extname } from 'node:path'
import { getHeapStatistics } from 'node:v8'
import { Worker } from 'node:worker_threads'
import type { Log } from '@berth/runtime'
import { AttemptContext } from '../attempt/context.ts'
import { messageOf } from '../attempt/result.ts'
import { startTimer } from '../attempt/timer.ts'
import type { RegisteredFunction } from '../functions/registry.ts'
import type { FunctionEnv } from '../privacy/env-file.ts'
import { Finished } from './seat.ts'
import {
  type CallFacts,
  CrossedError,
  describeThrown,
  type FromThread,
  type ThreadBirth,
  type ToThread,
} from './thread-messages.ts'

export interface ThreadPorts {
  /** The project folder. */
  readonly folder: string
  readonly env: FunctionEnv
  /** What user code sees as its process's environment. */
  readonly processEnv: Readonly<Record<string, string>>
  readonly log: Log
}

interface Doing {
  readonly name: string
  readonly context: AttemptContext | undefined
  readonly call: number
  readonly done: PromiseWithResolvers<FromThread>
}

/** A function's own thread may use as much as the process itself. */
const HEAP_MB = Math.floor(getHeapStatistics().heap_size_limit / 1024 ** 2)
const ENTRY = new URL(`./thread-main${extname(import.meta.filename)}`, import.meta.url)

export class FunctionThread {
  /** Functions it has loaded and set up. */
  readonly prepared = new Set<string>()
  readonly #worker: Worker
  readonly #log: Log
  readonly #notes = new Int32Array(new SharedArrayBuffer(4))
  #doing: Doing | undefined
  #calls = 0
  #endedBy: string | undefined
  #isDead = false

  /** `onDead` is called once, when nothing of it runs any more. */
  constructor(ports: ThreadPorts, onDead: () => void) {
    this.#log = ports.log
    const { folder, env, processEnv } = ports
    const birth: ThreadBirth = { folder, env: { ...env }, notes: this.#notes.buffer as SharedArrayBuffer }
    this.#worker = new Worker(ENTRY, {
      name: 'function',
      workerData: birth,
      env: processEnv,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
      stdout: true,
      stderr: true,
    })
    this.#worker.on('message', (message: FromThread) => this.#onMessage(message))
    this.#worker.on('error', (error) => {
      this.#endedBy = whyEnded(error)
    })
    this.#worker.on('exit', (code) => {
      this.#onExit(code)
      onDead()
    })
    for (const stream of [this.#worker.stdout, this.#worker.stderr])
      stream.on('data', (chunk) => this.#logOf().info(String(chunk).trimEnd()))
    this.#worker.unref()
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** Undefined when the function is ready, else why not. */
  async prepare(fn: RegisteredFunction, limitMs: number): Promise<string | undefined> {
    const stopLimit = startTimer(limitMs, () => this.kill(`its setup took longer than ${limitMs} ms`))
    try {
      const message = { type: 'prepare', name: fn.name, path: fn.path ?? '' } as const
      const answer = await this.#do(fn.name, undefined, message)
      if (answer.type === 'prepared') this.prepared.add(fn.name)
      return answer.type === 'unprepared' ? answer.error.message : undefined
    } catch (error) {
      return messageOf(error)
    } finally {
      stopLimit()
    }
  }

  /** Rejects with what the handler threw, or with why the thread ended. */
  async call(name: string, input: unknown, context: AttemptContext, limitBytes: number): Promise<Finished> {
    const { signal } = context
    const onAbort = () => this.#abort(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const message = { type: 'call', name, input, facts: factsOf(context), limitBytes } as const
      const answered = this.#do(name, context, message)
      if (signal.aborted) onAbort()
      const answer = await answered
      if (answer.type === 'returned') return new Finished(answer.encoded)
      if (answer.type === 'threw') throw new CrossedError(answer.error)
      throw new Error('the thread gave no answer')
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  kill(why?: string): void {
    this.#endedBy ??= why
    void this.#worker.terminate()
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #do(name: string, context: AttemptContext | undefined, message: ToThread): Promise<FromThread> {
    const done = Promise.withResolvers<FromThread>()
    const call = message.type === 'call' ? ++this.#calls : 0
    if (this.#isDead) return Promise.reject(new Error('the thread has ended'))
    try {
      this.#worker.postMessage(message)
    } catch (error) {
      const why = `The input of "${name}" cannot be passed to its thread (${messageOf(error)})`
      return Promise.reject(new Error(`${why}; let its schema return plain data`))
    }
    // While it works it keeps the process alive.
    this.#worker.ref()
    this.#doing = { name, context, call, done }
    return done.promise
  }

  #finish(): Doing | undefined {
    const doing = this.#doing
    this.#doing = undefined
    if (!this.#isDead) this.#worker.unref()
    return doing
  }

  #abort(reason: unknown): void {
    const { name, message } = reason as Error
    if (!this.#isDead) this.#worker.postMessage({ type: 'abort', name, message } satisfies ToThread)
  }

  #onMessage(message: FromThread): void {
    if (message.type === 'note') {
      Atomics.sub(this.#notes, 0, 1)
      this.#onNote(message)
    } else if (message.type === 'ask') this.#onAsk(message)
    else this.#finish()?.done.resolve(message)
  }

  #onNote({ call, note }: Extract<FromThread, { type: 'note' }>): void {
    const doing = this.#doing
    const context = call === doing?.call ? doing.context : undefined
    if (note.kind === 'progress') context?.progress(note.fraction, note.text)
    else if (note.kind === 'usage') {
      if (context) AttemptContext.use(context, note.used)
    } else if (note.kind === 'source') context?.source(note.source)
    else if (note.kind === 'message') context?.message(note.message)
    else (context?.log ?? this.#logOf())[note.level](note.text, note.fields)
  }

  #onAsk({ call, id, ask }: Extract<FromThread, { type: 'ask' }>): void {
    const context = call === this.#doing?.call ? this.#doing.context : undefined
    const reply = (message: ToThread) => {
      if (!this.#isDead) this.#worker.postMessage(message)
    }
    const answered = Promise.try(() => {
      if (!context) throw new Error('the attempt is over')
      if (ask.what === 'stream') return context.stream(ask.chunk)
      if (ask.what === 'call') return context.call(ask.name, ask.input)
      if (ask.what === 'file') return context.file(ask.path, ask.data, ask.mediaType)
      return context.read(ask.path, ask.from, ask.length)
    })
    answered.then(
      (value) => reply({ type: 'reply', id, value }),
      (error: unknown) => reply({ type: 'refusal', id, error: describeThrown(error, messageOf(error)) }),
    )
  }

  #logOf(): Log {
    return this.#log.child({ source: this.#doing?.name ?? 'thread' })
  }

  #onExit(code: number): void {
    this.#isDead = true
    const why = this.#endedBy ?? `it ended its thread with exit code ${code}`
    const doing = this.#finish()
    if (doing) doing.done.reject(new Error(why))
  }
}

function factsOf(context: AttemptContext): CallFacts {
  const { runId, attempt, fence, trace, contentType, deadline, tags, body, session } = context
  const turns = AttemptContext.turnsOf(context)
  const budget = AttemptContext.budgetOf(context)
  const deadlineAt = deadline.getTime()
  const files = context.files.list()
  return { runId, attempt, fence, trace, contentType, deadlineAt, tags, body, files, session, turns, budget }
}

function whyEnded(error: unknown): string {
  const { code } = (typeof error === 'object' && error !== null ? error : {}) as { code?: string }
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') return `it ran out of memory (${HEAP_MB} MB in its thread)`
  return `it threw outside of its handler, which ended its thread: ${messageOf(error)}`
}
