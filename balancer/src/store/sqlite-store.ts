/**
 * The store on SQLite, as the main thread sees it: collects the writes of a tick, posts them to the
 * store's thread, and passes its answers on. Made by compose. Later steps add reads and claims as
 * further messages to the same thread, or to a second one that only reads.
 * Invariant: a thread that ends for whatever reason fails what is open, so nobody waits for it.
 */
import { Worker } from 'node:worker_threads'
import { type Clock, systemClock } from '@berth/runtime'
import type { RunReads, RunsAtStart } from '../ports/run-store.ts'
import type { StoreContents, StoreEvents, StorePort, StoreWrite } from '../ports/store.ts'
import { Batches } from './batches.ts'
import { NO_RUN_READS } from './no-run-reads.ts'
import { StoreError } from './store-error.ts'
import type { FromThread, ThreadSettings, ToThread } from './thread-messages.ts'

export interface SqliteStoreOptions {
  /** The database file; its folder is made when missing. */
  readonly path: string
  /** Wait for another process's lock; default 5,000 ms. */
  readonly busyTimeoutMs?: number
  /** Writes that may wait for the disk; default 100,000. */
  readonly maxPendingWrites?: number
  /** After this `close` gives up what is open and ends the thread; default 10,000 ms. */
  readonly closeTimeoutMs?: number
  readonly clock?: Clock
  /** The thread's script; default the one beside this file. */
  readonly thread?: URL
}

const NO_RUNS: RunsAtStart = {
  lastSeq: 0,
  lastId: null,
  live: 0,
  lanes: [],
  running: [],
  nextDueMs: null,
  nextDeliveryMs: null,
  disabledUrls: [],
  keys: 0,
  bulks: [],
}

export class SqliteStore implements StorePort {
  readonly #options: SqliteStoreOptions
  #batches: Batches | undefined
  #thread: Worker | undefined
  #exited: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(options: SqliteStoreOptions) {
    this.#options = options
  }

  /** Rejects with `StoreError`. To be called once. */
  open(events: StoreEvents): Promise<StoreContents> {
    if (this.#thread !== undefined || this.#closing !== undefined)
      return Promise.reject(new Error('a store is opened once; make another'))
    const { path, busyTimeoutMs = 5000, maxPendingWrites = 100_000, clock = systemClock } = this.#options
    const settings: ThreadSettings = { path, busyTimeoutMs, openedAtMs: clock.wallMs() }
    const script = this.#options.thread ?? new URL('./sqlite-thread.ts', import.meta.url)
    // The thread needs none of the environment, which may hold keys.
    const thread = new Worker(script, { workerData: settings, env: {}, name: 'store' })
    const batches = new Batches({
      events,
      maxWrites: maxPendingWrites,
      send: (batch, writes) => this.#send(batch, writes),
    })
    this.#thread = thread
    this.#batches = batches
    return this.#listen(thread, batches)
  }

  apply(writes: readonly StoreWrite[]): number {
    if (this.#batches === undefined) throw new Error('the store is not open')
    return this.#batches.add(writes)
  }

  get reads(): RunReads {
    return NO_RUN_READS
  }

  claim(): void {}

  takeDue(): void {}

  flush(): Promise<void> {
    return this.#batches?.flush() ?? Promise.resolve()
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  #listen(thread: Worker, batches: Batches): Promise<StoreContents> {
    const opened = Promise.withResolvers<StoreContents>()
    let reason = 'the store thread ended'
    thread.on('message', (message: FromThread) => {
      if (message.kind === 'persisted') batches.persisted(message.batch)
      else if (message.kind === 'failed') batches.failed(message.batch, message.detail)
      else if (message.kind === 'opened') opened.resolve({ ...message.contents, runs: NO_RUNS })
      else opened.reject(new StoreError(message.code, message.detail))
    })
    thread.on('error', (error) => {
      reason = `the store thread failed: ${error instanceof Error ? error.message : String(error)}`
    })
    this.#exited = new Promise((resolve) => {
      thread.once('exit', () => {
        opened.reject(new StoreError('UNUSABLE', reason))
        batches.abandon(
          this.#closing === undefined ? `${reason}; restart the balancer` : 'the store is closed',
        )
        resolve()
      })
    })
    return opened.promise
  }

  #send(batch: number, writes: readonly StoreWrite[]): void {
    try {
      this.#post({ kind: 'batch', batch, writes })
    } catch (error) {
      // A value that cannot be cloned: a fault of the caller, who is told.
      this.#batches?.failed(batch, error instanceof Error ? error.message : String(error))
    }
  }

  #post(message: ToThread): void {
    this.#thread?.postMessage(message)
  }

  async #end(): Promise<void> {
    const { closeTimeoutMs = 10_000 } = this.#options
    const timer = setTimeout(() => this.#thread?.terminate(), closeTimeoutMs)
    await this.flush()
    this.#post({ kind: 'close' })
    await this.#exited
    clearTimeout(timer)
  }
}
