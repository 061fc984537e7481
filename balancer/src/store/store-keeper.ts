/**
 * What is known of the store's writes: tells who waits for one how it ended, everybody whether the store
 * can be written at all, and those who listen whatever the store tells. Main gives it the store's events, compose hands it to `http/`.
 * A store that nobody writes is touched now and then: that it has failed must be seen before somebody relies
 * on it, and that it works again without anybody's help.
 * Invariants: every `keep` is answered once, within its limit; a failure is logged when it begins and when it ends.
 */
import type { Clock, Log } from '@berth/runtime'
import type {
  KeepPort,
  Kept,
  StoreEvents,
  StoreHealth,
  StoreListenPort,
  StorePort,
  StoreWrite,
} from '../ports/store.ts'
import type { ClaimedRun } from '../ports/stored-run.ts'

export interface StoreKeeperOptions {
  readonly store: Pick<StorePort, 'apply'>
  readonly clock: Clock
  readonly log: Log
  /** How long a `keep` may take; default 10,000 ms. */
  readonly limitMs?: number
  /** How often the store is touched; default 5,000 ms. */
  readonly touchEveryMs?: number
}

const MEGABYTE = 1024 * 1024
const PINNED =
  'somebody reads the database in one long transaction, such as a backup or a shell (fuser names them); end it, or the disk fills.'
const OK: StoreHealth = Object.freeze({ state: 'ok' })
const KEPT: Kept = Object.freeze({ ok: true })

export class StoreKeeper implements KeepPort, StoreListenPort, StoreEvents {
  readonly #options: StoreKeeperOptions
  /** By batch. */
  readonly #waiting = new Map<number, Set<(kept: Kept) => void>>()
  readonly #listeners = new Set<StoreEvents>()
  #health: StoreHealth = OK
  #warning: string | undefined
  #lost = 0
  #touching: NodeJS.Timeout | undefined
  /** A touch that is neither on disk nor given up. */
  #touch: number | undefined

  constructor(options: StoreKeeperOptions) {
    this.#options = options
  }

  /** From when the store is open. */
  start(): void {
    const { store, touchEveryMs = 5000 } = this.#options
    this.#touching ??= setInterval(() => {
      this.#touch ??= store.apply([{ kind: 'touch' }])
    }, touchEveryMs)
  }

  stop(): void {
    clearInterval(this.#touching)
    this.#touching = undefined
  }

  health(): StoreHealth {
    const warning = this.#warning
    return warning === undefined || this.#health.state === 'failed' ? this.#health : { state: 'ok', warning }
  }

  async keep(writes: readonly StoreWrite[], undo: readonly StoreWrite[] = []): Promise<Kept> {
    if (writes.length === 0) return KEPT
    const { store, limitMs = 10_000 } = this.#options
    const batch = store.apply(writes)
    const { promise, resolve } = Promise.withResolvers<Kept>()
    const waiting = this.#waiting.get(batch) ?? new Set()
    this.#waiting.set(batch, waiting.add(resolve))
    const timer = setTimeout(() => {
      waiting.delete(resolve)
      resolve({ ok: false, detail: `the disk has not answered within ${limitMs} ms` })
    }, limitMs)
    const kept = await promise
    clearTimeout(timer)
    if (!kept.ok && undo.length > 0) store.apply(undo)
    return kept
  }

  listen(events: StoreEvents): () => void {
    this.#listeners.add(events)
    return () => void this.#listeners.delete(events)
  }

  onClaimed(claim: number, runs: readonly ClaimedRun[], hasMore: boolean): void {
    for (const listener of this.#listeners) listener.onClaimed(claim, runs, hasMore)
  }

  onDue(runs: readonly ClaimedRun[], nextMs: number | null): void {
    for (const listener of this.#listeners) listener.onDue(runs, nextMs)
  }

  onTurns(...told: Parameters<StoreEvents['onTurns']>): void {
    for (const listener of this.#listeners) listener.onTurns(...told)
  }

  onPersisted(batch: number): void {
    this.#settle(batch, KEPT)
    for (const listener of this.#listeners) listener.onPersisted(batch)
    if (this.#health.state === 'ok') return
    this.#options.log.info('the store can be written again', { lostBatches: this.#lost })
    this.#health = OK
    this.#lost = 0
  }

  onLogSize(bytes: number | null): void {
    const { log } = this.#options
    if (bytes === null) {
      if (this.#warning !== undefined) log.info('the write-ahead log of the store is short again')
      this.#warning = undefined
      return
    }
    this.#warning = `The write-ahead log has grown to ${Math.round(bytes / MEGABYTE)} MB: ${PINNED}`
    log.warn('the write-ahead log of the store grows', { bytes, detail: PINNED })
  }

  onFailed(batch: number, detail: string): void {
    const isTouch = batch === this.#touch
    this.#settle(batch, { ok: false, detail })
    for (const listener of this.#listeners) listener.onFailed(batch, detail)
    if (!isTouch) this.#lost++
    if (this.#health.state === 'failed') return
    const { log, clock } = this.#options
    log.error('the store could not be written', { batch, detail })
    this.#health = { state: 'failed', error: detail, since: new Date(clock.wallMs()).toISOString() }
  }

  #settle(batch: number, kept: Kept): void {
    if (this.#touch === batch) this.#touch = undefined
    for (const resolve of this.#waiting.get(batch) ?? []) resolve(kept)
    this.#waiting.delete(batch)
  }
}
