/**
 * Writes of runs and what becomes of them: every write is followed to the end of its batch. What was promised and
 * could not be written is kept and tried again every second. Owned by DurableRuns, which hands in the store's events.
 * Invariant: whoever follows a write hears once of each try how it ended, in the order of the batches.
 */
import type { StorePort, StoreWrite } from '../ports/store.ts'

export interface Follower {
  onWritten(): void
  onLost(detail: string): void
}

export class RunWrites {
  readonly #store: Pick<StorePort, 'apply'>
  readonly #batches = new Map<number, Follower[]>()
  /** What has to be written again, by who waits for it. */
  readonly #again = new Map<Follower, () => StoreWrite | undefined>()
  #isFailing = false

  constructor(store: Pick<StorePort, 'apply'>) {
    this.#store = store
  }

  /** The last batch failed, or something that was promised is not on disk. */
  get isFailing(): boolean {
    return this.#isFailing || this.#again.size > 0
  }

  write(writes: readonly StoreWrite[], follower?: Follower): void {
    const batch = this.#store.apply(writes)
    if (!follower) return
    const followers = this.#batches.get(batch)
    if (followers) followers.push(follower)
    else this.#batches.set(batch, [follower])
  }

  /** Resolves with why the writes are not on disk, undefined when they are. */
  settle(writes: readonly StoreWrite[]): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.write(writes, { onWritten: () => resolve(undefined), onLost: resolve })
    })
  }

  /** Has a write tried again; `make` says what it is then, undefined when there is nothing to write any more. */
  tryAgain(follower: Follower, make: () => StoreWrite | undefined): void {
    this.#again.set(follower, make)
  }

  onPersisted(batch: number): void {
    this.#isFailing = false
    const followers = this.#batches.get(batch)
    if (!followers) return
    this.#batches.delete(batch)
    for (const follower of followers) follower.onWritten()
  }

  onFailed(batch: number, detail: string): void {
    this.#isFailing = true
    const followers = this.#batches.get(batch)
    if (!followers) return
    this.#batches.delete(batch)
    for (const follower of followers) follower.onLost(detail)
  }

  /** Called every second. */
  retry(): void {
    if (this.#again.size === 0) return
    const waiting = [...this.#again]
    this.#again.clear()
    for (const [follower, make] of waiting) {
      const write = make()
      if (write) this.write([write], follower)
      else follower.onWritten()
    }
  }
}
