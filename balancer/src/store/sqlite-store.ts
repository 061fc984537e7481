/**
 * The store on SQLite, as the main thread sees it: collects the writes of a tick, posts them to the thread that
 * writes, and passes its answers on; reads go to a second thread, so that no list delays a commit. Made by main.
 * Invariant: a thread that ends for whatever reason fails what is open, so nobody waits for it.
 */
import { Worker } from 'node:worker_threads'
import { type Clock, systemClock } from '@berth/runtime'
import type { RunReads } from '../ports/run-reads.ts'
import type { RunLaneNeeds, RunPosition } from '../ports/run-store.ts'
import type { SessionAsk } from '../ports/session-store.ts'
import type { StoreContents, StoreEvents, StorePort, StoreWrite } from '../ports/store.ts'
import { Batches } from './batches.ts'
import { SqliteReader } from './sqlite-reader.ts'
import { StoreError } from './store-error.ts'
import type { FromThread, ThreadSettings, ToThread } from './thread-messages.ts'
import { packWrites } from './write-packing.ts'

export interface SqliteStoreOptions {
  /** The database file; its folder is made when missing. */
  readonly path: string
  /** Wait for another process's lock; default 5,000 ms. */
  readonly busyTimeoutMs?: number
  /** Writes that may wait for the disk; default 100,000. */
  readonly maxPendingWrites?: number
  /** Reads that may wait; default 1,000. */
  readonly maxPendingReads?: number
  /** After this `close` gives up what is open and ends the thread; default 10,000 ms. */
  readonly closeTimeoutMs?: number
  readonly clock?: Clock
  /** The length of the write-ahead log that is told (`onLogSize`); default 256 MB. */
  readonly longLogBytes?: number
  /** The thread's script; default the one beside this file. */
  readonly thread?: URL
  /** Whether batches go to the journal before the tables; default while much is written. */
  readonly journaling?: ThreadSettings['journaling']
}

const LONG_LOG_BYTES = 256 * 1024 * 1024

type Told = Exclude<FromThread, { kind: 'opened' | 'refused' }>

export class SqliteStore implements StorePort {
  readonly reads: RunReads
  readonly #options: SqliteStoreOptions
  readonly #reader: SqliteReader
  /** Claims that the thread has not answered. */
  readonly #claims = new Set<number>()
  #batches: Batches | undefined
  #events: StoreEvents | undefined
  #thread: Worker | undefined
  #exited: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined
  /** Something is on disk that cannot be read yet. */
  #isBehind = false
  /** What was asked since, and is shared by all who read. */
  #settling: PromiseWithResolvers<string | undefined> | undefined
  readonly #asked = new Map<number, PromiseWithResolvers<string | undefined>>()
  #lastAsked = 0

  constructor(options: SqliteStoreOptions) {
    this.#options = options
    this.#reader = new SqliteReader({
      maxPending: options.maxPendingReads ?? 1_000,
      onLongLog: () => this.#post({ kind: 'shorten-log' }),
      onLogSize: (bytes) => this.#events?.onLogSize?.(bytes),
      onFault: (why) => this.#post({ kind: 'give-up', why }),
      settled: () => this.#settle(),
    })
    this.reads = this.#reader.reads
  }

  /** Rejects with `StoreError`. To be called once. */
  open(events: StoreEvents): Promise<StoreContents> {
    if (this.#thread !== undefined || this.#closing !== undefined)
      return Promise.reject(new Error('a store is opened once; make another'))
    const { path, busyTimeoutMs = 5000, maxPendingWrites = 100_000, clock = systemClock } = this.#options
    const { longLogBytes = LONG_LOG_BYTES, journaling = 'busy' } = this.#options
    const openedAtMs = clock.wallMs()
    const settings: ThreadSettings = { path, busyTimeoutMs, openedAtMs, longLogBytes, journaling }
    this.#events = events
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
    return this.#listen(thread, batches, events).then((contents) => {
      this.#reader.start(settings)
      return contents
    })
  }

  apply(writes: readonly StoreWrite[]): number {
    if (this.#batches === undefined) throw new Error('the store is not open')
    return this.#batches.add(writes)
  }

  claim(claim: number, lane: RunLaneNeeds, count: number, after: RunPosition | null): void {
    this.#claims.add(claim)
    this.#batches?.behind(() => this.#post({ kind: 'claim', claim, lane, count, after }))
  }

  takeDue(untilMs: number, limit: number): void {
    this.#batches?.behind(() => this.#post({ kind: 'due', untilMs, limit }))
  }

  askTurns(asked: readonly SessionAsk[]): void {
    this.#batches?.behind(() => this.#post({ kind: 'turns', asked }))
  }

  flush(): Promise<void> {
    return this.#batches?.flush() ?? Promise.resolve()
  }

  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  #listen(thread: Worker, batches: Batches, events: StoreEvents): Promise<StoreContents> {
    const opened = Promise.withResolvers<StoreContents>()
    let reason = 'the store thread ended'
    thread.on('message', (message: FromThread) => {
      if (message.kind === 'opened') opened.resolve(message.contents)
      else if (message.kind === 'refused') opened.reject(new StoreError(message.code, message.detail))
      else this.#hear(message, batches, events)
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
        this.#isBehind = false
        for (const { resolve: wake } of this.#asked.values()) wake(undefined)
        resolve()
      })
    })
    return opened.promise
  }

  #hear(message: Told, batches: Batches, events: StoreEvents): void {
    switch (message.kind) {
      case 'persisted':
        // Who asks from now on wants to see this one, too.
        if (message.isBehind) this.#settling = undefined
        this.#isBehind = message.isBehind
        return batches.persisted(message.batch)
      case 'settled':
        return this.#heardSettled(message.id, message.detail)
      case 'refused-late':
        return events.onFailed(message.batch, message.detail)
      case 'failed':
        return batches.failed(message.batch, message.detail)
      case 'claimed':
        this.#claims.delete(message.claim)
        return events.onClaimed(message.claim, message.runs, message.hasMore)
      case 'due':
        return events.onDue(message.runs, message.nextMs)
      case 'turns':
        return events.onTurns(message.asked, message.turns)
    }
  }

  /** Resolves when all that is on disk now can be read, or with why it cannot; undefined when it can. */
  #settle(): Promise<string | undefined> | undefined {
    if (!this.#isBehind) return undefined
    if (this.#settling === undefined) {
      this.#settling = Promise.withResolvers()
      const id = ++this.#lastAsked
      this.#asked.set(id, this.#settling)
      this.#post({ kind: 'settle', id })
    }
    return this.#settling.promise
  }

  #heardSettled(id: number, detail: string | undefined): void {
    const asked = this.#asked.get(id)
    this.#asked.delete(id)
    if (asked === this.#settling) {
      this.#settling = undefined
      if (detail === undefined) this.#isBehind = false
    }
    asked?.resolve(detail)
  }

  #send(batch: number, writes: readonly StoreWrite[]): void {
    try {
      const parts = packWrites(writes)
      const message: ToThread = { kind: 'batch', batch, parts }
      this.#thread?.postMessage(
        message,
        parts.map(({ bytes }) => bytes.buffer),
      )
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
    // The last connection to close brings the log into the file; that shall be the one that writes.
    await this.#reader.close(closeTimeoutMs)
    this.#post({ kind: 'close' })
    await this.#exited
    clearTimeout(timer)
  }
}
