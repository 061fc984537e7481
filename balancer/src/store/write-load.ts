/**
 * How much is written just now, on the store's writer thread: whether batches are better kept in the journal first.
 * Owned by `sqlite-database.ts`, which tells it of every batch that could be. Invariant: it forgets within two spans
 * what was written before.
 */

/** With so many writes within two such spans the journal saves more than it costs. */
const BUSY_WEIGHT = 50
const SPAN_MS = 50

export class WriteLoad {
  #spanEndsAtMs = 0
  #weight = 0
  #weightBefore = 0

  add(weight: number, nowMs: number): void {
    if (nowMs >= this.#spanEndsAtMs) {
      this.#weightBefore = nowMs < this.#spanEndsAtMs + SPAN_MS ? this.#weight : 0
      this.#weight = 0
      this.#spanEndsAtMs = nowMs + SPAN_MS
    }
    this.#weight += weight
  }

  get isBusy(): boolean {
    return this.#weight + this.#weightBefore >= BUSY_WEIGHT
  }
}
