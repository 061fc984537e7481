/**
 * Logs wrong keys by the address that presents them: whoever guesses is seen, and cannot flood the log. Told by
 * the gate at every request with a key that is none.
 * Invariants: at most one line a second and address, with what it left out; never the key; at most `capacity`
 * addresses are remembered, the one that was heard of longest ago makes room.
 */
import type { Clock, Log } from '@berth/runtime'

const EVERY_MS = 1000

interface Seen {
  loggedAtMs: number
  /** Since that line. */
  unsaid: number
}

export class WrongKeys {
  readonly #log: Log
  readonly #clock: Clock
  readonly #capacity: number
  readonly #seen = new Map<string, Seen>()

  constructor(log: Log, clock: Clock, capacity = 1000) {
    this.#log = log
    this.#clock = clock
    this.#capacity = capacity
  }

  get size(): number {
    return this.#seen.size
  }

  record(address: string): void {
    const now = this.#clock.monoMs()
    const seen = this.#seen.get(address) ?? { loggedAtMs: Number.NEGATIVE_INFINITY, unsaid: 0 }
    this.#remember(address, seen)
    if (now - seen.loggedAtMs < EVERY_MS) {
      seen.unsaid++
      return
    }
    this.#log.warn('wrong key refused', { address, ...(seen.unsaid > 0 ? { unsaid: seen.unsaid } : {}) })
    seen.loggedAtMs = now
    seen.unsaid = 0
  }

  #remember(address: string, seen: Seen): void {
    this.#seen.delete(address)
    const oldest = this.#seen.keys().next()
    if (this.#seen.size >= this.#capacity && !oldest.done) this.#seen.delete(oldest.value)
    this.#seen.set(address, seen)
  }
}
