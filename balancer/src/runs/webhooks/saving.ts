/**
 * Brings what became of deliveries to the disk, again and again while the disk refuses it. Used by `webhook-queue.ts`.
 * Invariants: what a look at the store brings is never older than what was saved here (`latest`); while something
 * cannot be saved `isFailing` says so, and nobody begins a try whose end would be forgotten.
 */
import type { Log } from '@berth/runtime'
import type { RunWrite } from '../../ports/run-writes.ts'
import type { Kept } from '../../ports/store.ts'
import type { StoredDelivery } from '../../ports/stored-delivery.ts'

export type Keep = (writes: readonly RunWrite[]) => Promise<Kept>

/** A look takes far less time than so many saves. */
const REMEMBERED = 4_000

export interface SavingOptions {
  readonly keep: Keep
  readonly log: Log
  readonly signal: AbortSignal
  readonly againAfterMs: number
}

export class Saving {
  readonly #options: SavingOptions
  readonly #latest = new Map<string, StoredDelivery>()
  #failing = 0

  constructor(options: SavingOptions) {
    this.#options = options
  }

  get isFailing(): boolean {
    return this.#failing > 0
  }

  /** The delivery as it was saved last, when that is remembered; else as it is given. */
  latest(delivery: StoredDelivery): StoredDelivery {
    return this.#latest.get(delivery.id) ?? delivery
  }

  /** It is, or is about to be, written down so. */
  note(delivery: StoredDelivery): void {
    this.#latest.delete(delivery.id)
    this.#latest.set(delivery.id, delivery)
    if (this.#latest.size <= REMEMBERED) return
    const [oldest] = this.#latest.keys()
    if (oldest !== undefined) this.#latest.delete(oldest)
  }

  /** Resolves when the writes are on disk: true, or false when the process stops before. */
  async save(delivery: StoredDelivery, writes: readonly RunWrite[]): Promise<boolean> {
    const { signal, log } = this.#options
    this.note(delivery)
    let kept = await this.#try(writes)
    if (kept.ok) return true
    this.#failing++
    log.warn('a delivery could not be written down; no other begins until it is', {
      run: delivery.run,
      reason: kept.detail,
    })
    while (!kept.ok && !signal.aborted) {
      await this.#pause()
      kept = signal.aborted ? kept : await this.#try(writes)
    }
    this.#failing--
    return kept.ok
  }

  async #try(writes: readonly RunWrite[]): Promise<Kept> {
    try {
      return await this.#options.keep(writes)
    } catch (error) {
      return { ok: false, detail: error instanceof Error ? error.message : String(error) }
    }
  }

  #pause(): Promise<void> {
    const { signal, againAfterMs } = this.#options
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, againAfterMs)
      signal.addEventListener('abort', done)
      if (signal.aborted) done()
    })
  }
}
