/**
 * Numbers the writes of each tick as one batch and follows every batch to its one end, persisted or
 * failed. Used by every store, so that numbers, bounds and `flush` mean the same in all of them.
 * Invariants: a number is settled exactly once; after `abandon` nothing stays open; what waits for the
 * disk never exceeds `maxWrites`, since what comes on top is given up at once and said so.
 */
import type { StoreEvents, StoreWrite } from '../ports/store.ts'
import { weightOf } from './write-packing.ts'

export interface BatchesOptions {
  readonly events: StoreEvents
  /** Takes a finished batch, once a tick. */
  readonly send: (batch: number, writes: readonly StoreWrite[]) => void
  /** Writes that may wait for the disk; a run that is accepted counts as one. */
  readonly maxWrites: number
}

interface Collected {
  readonly batch: number
  readonly writes: StoreWrite[]
  /** What follows once it is sent. */
  readonly behind: (() => void)[]
}

export class Batches {
  readonly #options: BatchesOptions
  /** Batch to the weight of its writes, in ascending order of batches. */
  readonly #unsettled = new Map<number, number>()
  #waiters: { readonly upTo: number; readonly wake: () => void }[] = []
  #collecting: Collected | undefined
  #refusing: { readonly batch: number; readonly detail: string } | undefined
  #abandoned: string | undefined
  #lastBatch = 0
  #pendingWrites = 0

  constructor(options: BatchesOptions) {
    this.#options = options
  }

  /** Adds to this tick's batch; its number. Never throws and never calls back before it returns. */
  add(writes: readonly StoreWrite[]): number {
    const weight = writes.reduce((sum, write) => sum + weightOf(write), 0)
    const refusal = this.#abandoned ?? this.#describeOverflow(weight)
    if (refusal !== undefined) return this.#refuse(refusal)
    this.#collecting ??= this.#begin()
    const { batch, writes: collected } = this.#collecting
    for (const write of writes) collected.push(write)
    this.#pendingWrites += weight
    this.#unsettled.set(batch, (this.#unsettled.get(batch) ?? 0) + weight)
    return batch
  }

  /** Does something once all that was added so far is sent: now, when nothing is being collected. */
  behind(work: () => void): void {
    if (this.#collecting === undefined) work()
    else this.#collecting.behind.push(work)
  }

  persisted(batch: number): void {
    if (this.#settle(batch)) this.#options.events.onPersisted(batch)
    this.#wakeWaiters()
  }

  failed(batch: number, detail: string): void {
    if (this.#settle(batch)) this.#options.events.onFailed(batch, detail)
    this.#wakeWaiters()
  }

  /** Fails everything that is open, and from now on whatever comes. */
  abandon(detail: string): void {
    this.#abandoned ??= detail
    const { behind = [] } = this.#collecting ?? {}
    this.#collecting = undefined
    for (const batch of [...this.#unsettled.keys()]) this.failed(batch, detail)
    for (const work of behind) work()
  }

  /** Resolves when every batch that has a number now is settled. */
  flush(): Promise<void> {
    if (this.#unsettled.size === 0) return Promise.resolve()
    const upTo = this.#lastBatch
    return new Promise((wake) => {
      this.#waiters.push({ upTo, wake })
    })
  }

  #begin(): Collected {
    setImmediate(() => {
      const ready = this.#collecting
      this.#collecting = undefined
      if (ready === undefined) return
      this.#options.send(ready.batch, ready.writes)
      for (const work of ready.behind) work()
    })
    return { batch: ++this.#lastBatch, writes: [], behind: [] }
  }

  #describeOverflow(count: number): string | undefined {
    if (this.#pendingWrites + count <= this.#options.maxWrites) return undefined
    return `${this.#pendingWrites} writes already wait for the disk; the disk is too slow or stuck`
  }

  /** One number a tick and reason, failed after the tick like any other. */
  #refuse(detail: string): number {
    if (this.#refusing?.detail === detail) return this.#refusing.batch
    const batch = ++this.#lastBatch
    this.#refusing = { batch, detail }
    this.#unsettled.set(batch, 0)
    setImmediate(() => {
      if (this.#refusing?.batch === batch) this.#refusing = undefined
      this.failed(batch, detail)
    })
    return batch
  }

  #settle(batch: number): boolean {
    const count = this.#unsettled.get(batch)
    if (count === undefined) return false
    this.#unsettled.delete(batch)
    this.#pendingWrites -= count
    return true
  }

  #wakeWaiters(): void {
    if (this.#waiters.length === 0) return
    const oldest = this.#unsettled.keys().next().value ?? Number.POSITIVE_INFINITY
    const ready = this.#waiters.filter(({ upTo }) => upTo < oldest)
    this.#waiters = this.#waiters.filter(({ upTo }) => upTo >= oldest)
    for (const { wake } of ready) wake()
  }
}
