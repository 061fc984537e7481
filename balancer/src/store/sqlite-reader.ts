/**
 * The store's reading side on the main thread: asks the reading thread and hands out its answers. Made by
 * `sqlite-store.ts`. Invariants: a question is answered once, also when the thread ends; at most `maxPending` wait.
 */
import { Worker } from 'node:worker_threads'
import type { RunReads } from '../ports/run-reads.ts'
import { StoreError } from './store-error.ts'
import type { FromReader, ReadQuestion, ThreadSettings, ToReader } from './thread-messages.ts'

export interface SqliteReaderOptions {
  readonly maxPending: number
  /** The log has grown long and is nearly all in the file. */
  readonly onLongLog: () => void
  /** It grows beyond its bound, or null: it is short again. */
  readonly onLogSize: (bytes: number | null) => void
  /** What was written cannot be relied on any more. */
  readonly onFault: (detail: string) => void
  /** Resolves when what is on disk can be read, or with why it cannot; undefined when it can. */
  readonly settled: () => Promise<string | undefined> | undefined
}

/** After the thread has ended by itself another one is started. */
const AGAIN_MS = 1_000

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: StoreError) => void
}

export class SqliteReader {
  readonly reads: RunReads
  readonly #options: SqliteReaderOptions
  readonly #waiting = new Map<number, Waiting>()
  #thread: Worker | undefined
  #exited: Promise<void> = Promise.resolve()
  #again: NodeJS.Timeout | undefined
  #isClosing = false
  #last = 0

  constructor(options: SqliteReaderOptions) {
    this.#options = options
    this.reads = readsBy((name, values) => this.#ask(name, values))
  }

  /** Once the file is there. */
  start(settings: ThreadSettings): void {
    const script = new URL('./sqlite-read-thread.ts', import.meta.url)
    const thread = new Worker(script, { workerData: settings, env: {}, name: 'store-reads' })
    this.#thread = thread
    let reason = 'the store is closed'
    thread.on('message', (message: FromReader) => this.#hear(message))
    thread.on('error', (error) => {
      reason = `the reading thread of the store failed: ${error instanceof Error ? error.message : String(error)}`
    })
    this.#exited = new Promise((resolve) => {
      thread.once('exit', () => {
        this.#thread = undefined
        this.#options.onLogSize(null)
        for (const { reject } of this.#waiting.values()) reject(new StoreError('CLOSED', reason))
        this.#waiting.clear()
        // The file could not be opened (moved, no descriptor left): it may be possible again.
        if (!this.#isClosing) this.#again = setTimeout(() => this.start(settings), AGAIN_MS)
        resolve()
      })
    })
  }

  /** Answers what was asked before, for at most so long. */
  async close(timeoutMs: number): Promise<void> {
    this.#isClosing = true
    clearTimeout(this.#again)
    await this.#options.settled()
    const timer = setTimeout(() => this.#thread?.terminate(), timeoutMs)
    this.#post({ kind: 'close' })
    await this.#exited
    clearTimeout(timer)
  }

  async #ask(name: keyof RunReads, values: readonly unknown[]): Promise<unknown> {
    if (this.#thread === undefined) throw new StoreError('CLOSED', 'the store is not open')
    const { maxPending } = this.#options
    if (this.#waiting.size >= maxPending)
      throw new StoreError('BUSY', `${maxPending} reads wait for the store already; ask again in a moment`)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const id = ++this.#last
    this.#waiting.set(id, { resolve, reject })
    const settled = this.#options.settled()
    if (settled === undefined) this.#post({ kind: 'read', id, name, values })
    else void settled.then((detail) => this.#askBehind({ kind: 'read', id, name, values }, detail))
    return promise
  }

  #askBehind(question: ReadQuestion, detail: string | undefined): void {
    if (detail === undefined) this.#post(question)
    else this.#hear({ kind: 'no-answer', id: question.id, detail })
  }

  #hear(message: FromReader): void {
    if (message.kind === 'log-is-long') return this.#options.onLongLog()
    if (message.kind === 'log-size') return this.#options.onLogSize(message.bytes)
    if (message.kind === 'fault') return this.#options.onFault(message.detail)
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.kind === 'answer') waiting?.resolve(message.value)
    else waiting?.reject(new StoreError('UNUSABLE', `the store could not be read: ${message.detail}`))
  }

  #post(message: ToReader): void {
    this.#thread?.postMessage(message)
  }
}

const NAMES: Readonly<Record<keyof RunReads, true>> = {
  list: true,
  count: true,
  tally: true,
  parts: true,
  find: true,
  payload: true,
  result: true,
  events: true,
  eventTotals: true,
  lines: true,
  told: true,
  usageTotals: true,
  deliveries: true,
  delivery: true,
  dueDeliveries: true,
  deliveriesBetween: true,
  nextDeliveryMs: true,
  overdue: true,
  key: true,
  keyCount: true,
  bulk: true,
  schedule: true,
  schedulePayload: true,
  schedules: true,
  dueSchedules: true,
  dueSchedule: true,
  scheduleFires: true,
  turns: true,
  turnOf: true,
  lineOf: true,
  files: true,
  filesOfAttempt: true,
  knownFiles: true,
  goneFiles: true,
  scheduleCount: true,
  configText: true,
  activity: true,
  statsBlocks: true,
}

/** Every method asks by its own name. */
function readsBy(ask: (name: keyof RunReads, values: readonly unknown[]) => Promise<unknown>): RunReads {
  const names = Object.keys(NAMES) as (keyof RunReads)[]
  const methods = names.map((name) => [name, (...values: unknown[]) => ask(name, values)])
  return Object.fromEntries(methods) as RunReads
}
