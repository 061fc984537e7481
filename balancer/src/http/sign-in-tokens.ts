/**
 * Owns the one-time tokens that a printed dashboard address carries: in memory only, good once and for 15
 * minutes. Made by `POST /sign-in/tokens`, spent by `POST /sign-in`.
 * Invariant: at most 100 are alive; the oldest makes room. Only their hashes are kept.
 */
import { createHash } from 'node:crypto'
import { type Clock, makeKey } from '@berth/runtime'

export const TOKEN_LIFE_MS = 15 * 60_000
const MAX_TOKENS = 100

export class SignInTokens {
  readonly #clock: Clock
  /** Monotonic end by hash, oldest first. */
  readonly #endsAtMs = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get size(): number {
    return this.#endsAtMs.size
  }

  make(): { readonly token: string; readonly expiresAt: string } {
    const oldest = this.#endsAtMs.keys().next()
    if (this.#endsAtMs.size >= MAX_TOKENS && !oldest.done) this.#endsAtMs.delete(oldest.value)
    const token = makeKey(32)
    this.#endsAtMs.set(hashToken(token), this.#clock.monoMs() + TOKEN_LIFE_MS)
    return { token, expiresAt: new Date(this.#clock.wallMs() + TOKEN_LIFE_MS).toISOString() }
  }

  /** True once for each token within its life. */
  spend(token: string): boolean {
    const hash = hashToken(token)
    const endsAtMs = this.#endsAtMs.get(hash)
    this.#endsAtMs.delete(hash)
    return endsAtMs !== undefined && this.#clock.monoMs() < endsAtMs
  }
}

function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}
