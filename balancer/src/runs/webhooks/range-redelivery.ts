/**
 * Sends everything of a stretch of time again: counts it, then marks it page by page, in the background. Made and
 * asked by `webhooks.ts`. What is marked is sent by the queue as any other delivery that is due.
 * Invariants: one range at a time, at most 100,000 deliveries; a page is on disk before the next one is read. A restart
 * ends it: what was marked is sent, the rest can be asked for again.
 */
import type { Clock, Log } from '@berth/runtime'
import type { RunReads } from '../../ports/run-reads.ts'
import type { RunWrite } from '../../ports/run-writes.ts'
import type { StoredDelivery } from '../../ports/stored-delivery.ts'
import type { DeliveryRange, RangeRedelivered } from '../../ports/webhooks.ts'
import type { Keep } from './saving.ts'
import { askedAgain, type WebhookQueue } from './webhook-queue.ts'

const PAGE = 500
const LARGEST = 100_000

export interface RangeRedeliveryOptions {
  readonly reads: Pick<RunReads, 'deliveriesBetween'>
  readonly keep: Keep
  readonly queue: Pick<WebhookQueue, 'askAgain' | 'latest' | 'note' | 'wake'>
  readonly clock: Clock
  readonly log: Log
}

export class RangeRedelivery {
  readonly #options: RangeRedeliveryOptions
  #isBusy = false
  #isStopped = false

  constructor(options: RangeRedeliveryOptions) {
    this.#options = options
  }

  stop(): void {
    this.#isStopped = true
  }

  async begin(range: DeliveryRange): Promise<RangeRedelivered> {
    if (this.#isBusy) return { ok: false, error: { code: 'CONFLICT', detail: BUSY } }
    this.#isBusy = true
    // What is made from now on was not meant.
    const bounded = { ...range, toMs: Math.min(range.toMs, this.#options.clock.wallMs()) }
    try {
      const matched = await this.#count(bounded)
      if (matched > LARGEST) {
        this.#isBusy = false
        return { ok: false, error: { code: 'INVALID_REQUEST', detail: TOO_MANY } }
      }
      void this.#markAll(bounded)
      return { ok: true, matched }
    } catch (error) {
      this.#isBusy = false
      throw error
    }
  }

  async #count(range: DeliveryRange): Promise<number> {
    let count = 0
    for await (const page of this.#pages(range)) {
      count += page.length
      if (count > LARGEST) return count
    }
    return count
  }

  async #markAll(range: DeliveryRange): Promise<void> {
    const { log } = this.#options
    let marked = 0
    try {
      for await (const page of this.#pages(range)) {
        if (this.#isStopped || !(await this.#mark(page))) break
        marked += page.length
      }
      log.info('redelivery of a range', { marked })
    } catch (error) {
      log.warn('the redelivery of a range ended early', { marked, error })
    } finally {
      this.#isBusy = false
    }
  }

  /** False when it could not be written. */
  async #mark(page: readonly StoredDelivery[]): Promise<boolean> {
    const { queue, keep, clock, log } = this.#options
    const nowMs = clock.wallMs()
    const takeBack: (() => void)[] = []
    const writes = page.map((found): RunWrite => {
      const delivery = askedAgain(queue.latest(found), nowMs)
      const isHere = queue.askAgain(found.id)
      if (isHere) takeBack.push(isHere)
      else queue.note(delivery)
      return { kind: 'delivery-set', delivery, attempt: null }
    })
    const kept = await keep(writes)
    if (kept.ok) queue.wake(nowMs)
    else {
      for (const each of takeBack) each()
      log.warn('the redelivery of a range could not be written down', { reason: kept.detail })
    }
    return kept.ok
  }

  async *#pages({ fromMs, toMs, url }: DeliveryRange): AsyncGenerator<readonly StoredDelivery[]> {
    for (let after: StoredDelivery | null = null; ; ) {
      const page: readonly StoredDelivery[] = await this.#options.reads.deliveriesBetween(
        fromMs,
        toMs,
        url,
        after,
        PAGE,
      )
      if (page.length > 0) yield page
      if (page.length < PAGE) return
      after = page.at(-1) ?? null
    }
  }
}

const BUSY = 'Another range is being redelivered; ask again when it is done.'
const TOO_MANY = `More than ${LARGEST} deliveries were made in that time; name a shorter one, or a \`url\`.`
