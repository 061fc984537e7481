/**
 * A handler's context inside a function thread: everything that concerns others crosses to the worker, where the
 * attempt's own context does it. Made by `thread-main.ts`, once a call.
 */
import type { Tags } from '@berth/protocol'
import { AttemptBudget } from '../attempt/budget.ts'
import { readTurns } from '../attempt/session-turns.ts'
import { readMessage, readSource, readUsage } from '../attempt/told.ts'
import { isPlainData, piecesOf, readFileOrder } from '../files/file-data.ts'
import { makeTaskFiles, type TaskFiles } from '../files/task-files.ts'
import { type Context, type ContextLog, RetryAfter, type Turn } from '../functions/define.ts'
import type { FunctionEnv } from '../privacy/env-file.ts'
import type { Ask, CallFacts, Note } from './thread-messages.ts'

export interface ThreadVoice {
  /** Dropped and counted when too many are under way. */
  note(note: Note): void
  /** Resolves to the worker's answer. `transfer` is the worker's from then on. */
  ask(ask: Ask, transfer?: readonly ReadableStream[]): Promise<unknown>
}

export class ThreadContext implements Context {
  readonly runId: string
  readonly attempt: number
  readonly fence: number
  readonly trace: string
  readonly contentType: string
  readonly deadline: Date
  readonly body: Blob | undefined
  readonly files: TaskFiles
  readonly session: string | undefined
  /** As they were when the attempt began. */
  readonly tags: Tags
  readonly env: FunctionEnv
  readonly signal: AbortSignal
  readonly log: ContextLog
  readonly #voice: ThreadVoice
  readonly #turnsJson: Uint8Array | undefined
  #turns: readonly Turn[] | undefined
  readonly #budget: AttemptBudget | undefined

  constructor(facts: CallFacts, env: FunctionEnv, signal: AbortSignal, voice: ThreadVoice) {
    this.runId = facts.runId
    this.attempt = facts.attempt
    this.fence = facts.fence
    this.trace = facts.trace
    this.contentType = facts.contentType
    this.deadline = new Date(facts.deadlineAt)
    this.body = facts.body
    this.files = makeTaskFiles(facts.files, async (at, from, length) => {
      const path = facts.files[at]?.path ?? ''
      return (await voice.ask({ what: 'read', path, from, length })) as Uint8Array<ArrayBuffer>
    })
    this.session = facts.session
    this.#turnsJson = facts.turns
    this.tags = facts.tags
    this.env = env
    this.signal = signal
    this.log = logInto((note) => voice.note(note))
    this.#voice = voice
    if (!facts.budget) return
    const startedAt = performance.now()
    this.#budget = new AttemptBudget(facts.budget, () => performance.now() - startedAt)
  }

  get budget(): Context['budget'] {
    return this.#budget?.view
  }

  get turns(): readonly Turn[] {
    this.#turns ??= readTurns(this.#turnsJson)
    return this.#turns
  }

  get stream(): Context['stream'] {
    return async (chunk) => {
      await this.#voice.ask({ what: 'stream', chunk })
    }
  }

  get progress(): Context['progress'] {
    return (fraction, text) => this.#voice.note({ kind: 'progress', fraction, text })
  }

  get usage(): Context['usage'] {
    return (given) => {
      const used = readUsage(given)
      this.#budget?.add(used)
      this.#voice.note({ kind: 'usage', used })
    }
  }

  get source(): Context['source'] {
    return (source) => this.#voice.note({ kind: 'source', source: readSource(source) })
  }

  get message(): Context['message'] {
    return (message) => this.#voice.note({ kind: 'message', message: readMessage(message) })
  }

  get file(): Context['file'] {
    return async (path, data, mediaType) => {
      const order = readFileOrder(path, data, mediaType)
      // What gives the data piece by piece stays here, and gives them to the worker as a stream.
      const isWhole = isPlainData(order.data)
      const stream = isWhole ? undefined : ReadableStream.from(piecesOf(order.data))
      const ask = { what: 'file', ...order, data: stream ?? order.data } as const
      await this.#voice.ask(ask, stream ? [stream] : [])
    }
  }

  get call(): Context['call'] {
    return (name, input = {}) => this.#voice.ask({ what: 'call', name, input })
  }

  get retryAfter(): Context['retryAfter'] {
    return (ms, message) => {
      if (!(ms >= 0)) throw new RangeError(`ctx.retryAfter takes milliseconds, not ${ms}`)
      throw new RetryAfter(ms, message)
    }
  }
}

/** A log whose lines cross as notes. */
export function logInto(note: (note: Note) => void): ContextLog {
  const at =
    (level: keyof ContextLog): ContextLog['info'] =>
    (text, fields) =>
      note({ kind: 'log', level, text: String(text), fields })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
