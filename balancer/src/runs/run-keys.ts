/**
 * `Idempotency-Key`: what a key began, over restarts. A key's row is written in one step with the runs that it
 * begins, so none of the two is ever there alone. Owned by DurableRuns.
 * Invariant: of several calls with one key at the same time one begins runs and the others are told of them.
 */
import type { TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { RunReads } from '../ports/run-reads.ts'
import type { IdempotencyRow } from '../ports/run-writes.ts'
import type { Accepted, KeyUse } from '../ports/runs.ts'
import type { StoreWrite } from '../ports/store.ts'
import { storeUnavailable } from './run-admission.ts'
import type { RunWrites } from './run-writes.ts'

export interface RunKeysOptions {
  readonly reads: Pick<RunReads, 'key' | 'keyCount'>
  readonly writes: RunWrites
  readonly clock: Clock
  /** `IDEMPOTENCY_LIMIT`, and the keys that are on disk. */
  readonly limit: number
  readonly count: number
}

/** What a key says before anything is accepted: the answer, or what goes with the acceptance. */
export type KeyTurn =
  | { readonly kind: 'answered'; readonly answer: Accepted }
  | { readonly kind: 'begins'; readonly writes: readonly StoreWrite[]; end(isAccepted: boolean): void }

type Found<Kind extends KeyTurn['kind']> = Omit<Extract<KeyTurn, { kind: Kind }>, 'end'>

/** How long a key is remembered behind the end of what it began. */
export const KEY_MS = 24 * 60 * 60 * 1_000
const RECOUNT_MS = 10_000
const LIMIT_RETRY_MS = 60_000

export class RunKeys {
  readonly #options: RunKeysOptions
  /** Calls that are being accepted, by key. */
  readonly #turns = new Map<string, Promise<void>>()
  #count: number
  #countedAt = Number.NEGATIVE_INFINITY

  constructor(options: RunKeysOptions) {
    this.#options = options
    this.#count = options.count
  }

  /** Waits for whoever uses the same key now. */
  async begin({ hash, bodyHash }: KeyUse): Promise<KeyTurn> {
    for (let other = this.#turns.get(hash); other; other = this.#turns.get(hash)) await other
    const turn = Promise.withResolvers<void>()
    this.#turns.set(hash, turn.promise)
    const leave = () => {
      this.#turns.delete(hash)
      turn.resolve()
    }
    const found = await this.#look(hash, bodyHash)
    if (found.kind === 'answered') leave()
    else
      return {
        ...found,
        end: (isAccepted) => {
          if (isAccepted && found.writes.length === 0) this.#count++
          leave()
        },
      }
    return found
  }

  /** What the key says of what it began; undefined when it began nothing. Waits for whoever uses it now. */
  async replay({ hash, bodyHash }: KeyUse): Promise<Accepted | undefined> {
    for (let other = this.#turns.get(hash); other; other = this.#turns.get(hash)) await other
    const found = await this.#find(hash, bodyHash)
    return found.kind === 'answered' ? found.answer : undefined
  }

  /** How the first call of a key was answered. */
  async note({ hash }: KeyUse, answer: 'accepted' | 'final'): Promise<void> {
    const { reads, writes } = this.#options
    const row = await reads.key(hash).catch(() => null)
    if (!row || row.answer === answer) return
    // Its last end has set its expiry, or is going to: this write leaves that as it is.
    writes.write([{ kind: 'key-set', row: { ...row, answer } }])
  }

  /** Those that have expired are taken away on disk, which tells nobody; asked at most every ten seconds. */
  async #recount(): Promise<void> {
    const { reads, clock } = this.#options
    if (clock.monoMs() - this.#countedAt < RECOUNT_MS) return
    this.#countedAt = clock.monoMs()
    this.#count = await reads.keyCount().catch(() => this.#count)
  }

  async #look(hash: string, bodyHash: string): Promise<Found<'begins'> | Found<'answered'>> {
    const { limit } = this.#options
    const found = await this.#find(hash, bodyHash)
    if (found.kind === 'answered') return found
    if (found.kind === 'expired') return { kind: 'begins', writes: [{ kind: 'key-removed', hash }] }
    if (this.#count >= limit) await this.#recount()
    if (this.#count >= limit) return refused(tooMany(limit))
    return { kind: 'begins', writes: [] }
  }

  async #find(
    hash: string,
    bodyHash: string,
  ): Promise<Found<'answered'> | { readonly kind: 'new' | 'expired' }> {
    const { reads, clock } = this.#options
    let row: IdempotencyRow | null
    try {
      row = await reads.key(hash)
    } catch (error) {
      return refused(storeUnavailable(error instanceof Error ? error.message : String(error)))
    }
    if (!row) return { kind: 'new' }
    if (row.expiresMs !== null && row.expiresMs <= clock.wallMs()) return { kind: 'expired' }
    if (row.bodyHash !== bodyHash) return refused(MISMATCH)
    return { kind: 'answered', answer: { ok: true, runs: row.runs, isReplay: true, answer: row.answer } }
  }
}

function refused(error: TaskError): Found<'answered'> {
  return { kind: 'answered', answer: { ok: false, error } }
}

const MISMATCH: TaskError = {
  code: 'IDEMPOTENCY_MISMATCH',
  detail: 'This Idempotency-Key was used with another body. Send the same body again, or use a new key.',
}

function tooMany(limit: number): TaskError {
  return {
    code: 'QUEUE_FULL',
    detail: `${limit} idempotency keys are kept already, which is the limit (IDEMPOTENCY_LIMIT). Send the task without a key, or later.`,
    retryAfterMs: LIMIT_RETRY_MS,
  }
}
