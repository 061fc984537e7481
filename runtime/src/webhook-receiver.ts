/**
 * For whoever receives signed webhooks: refuses what is forged, old or has been taken before. The sender repeats a
 * message until it is taken, with the same id, so an id counts only once `taken` was called for it.
 * Invariant: at most `capacity` ids are kept, the oldest go first.
 */
import { type PresentedWebhook, type SignatureVerdict, verifyWebhook } from './webhook-signature.ts'

export type ReceiptVerdict = SignatureVerdict | 'taken-before'

const DEFAULT_CAPACITY = 100_000

export class WebhookReceiver {
  readonly #secrets: readonly Uint8Array[]
  readonly #capacity: number
  readonly #taken = new Set<string>()

  constructor(secrets: readonly Uint8Array[], capacity = DEFAULT_CAPACITY) {
    this.#secrets = secrets
    this.#capacity = capacity
  }

  /** `taken-before` is to be answered with 2xx and nothing else done. */
  check(presented: PresentedWebhook, nowMs: number): ReceiptVerdict {
    const verdict = verifyWebhook(this.#secrets, presented, nowMs)
    if (verdict !== 'valid') return verdict
    return this.#taken.has(presented.id ?? '') ? 'taken-before' : 'valid'
  }

  /** What the message asks for has been done. */
  taken(id: string): void {
    this.#taken.delete(id)
    this.#taken.add(id)
    const [oldest] = this.#taken.size > this.#capacity ? this.#taken : []
    if (oldest !== undefined) this.#taken.delete(oldest)
  }
}
