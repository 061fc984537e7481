/**
 * The balancer's webhooks (CONTRACT §4): what a run's end owes to whom, what a caller may name, and the log of what
 * was sent. Constructed by compose; the sending itself is `webhook-queue.ts`.
 * Invariants: a delivery keeps its id over all tries, redeliveries and restarts; nothing is promised here that is not
 * on disk first.
 */
import type { DeliveryView } from '@berth/protocol'
import { type Clock, findHeaderProblem, type Log, type Outbound } from '@berth/runtime'
import type { RunReads } from '../../ports/run-reads.ts'
import type { StoredDelivery, StoredTry } from '../../ports/stored-delivery.ts'
import type { RunEnd, RunOrder, WebhookOrder } from '../../ports/stored-run.ts'
import type {
  DeliveriesPort,
  DeliveryRange,
  RangeRedelivered,
  Redelivered,
  TargetVerdict,
  WebhookEndsPort,
  WebhookTargetPort,
} from '../../ports/webhooks.ts'
import { createDeliveryIds } from './delivery-ids.ts'
import { DisabledUrls } from './disabled-urls.ts'
import { typeOf } from './message.ts'
import { RangeRedelivery } from './range-redelivery.ts'
import type { Keep } from './saving.ts'
import { askedAgain, type QueueBounds, type QueueTerms, WebhookQueue } from './webhook-queue.ts'

export interface WebhooksOptions {
  readonly reads: RunReads
  readonly keep: Keep
  readonly outbound: Outbound
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  readonly terms: QueueTerms
  /** Of `RunsAtStart`. */
  readonly disabledUrls: readonly string[]
  readonly bounds?: QueueBounds
}

/** What a delivery that is under way gets at the end of the process. */
const LAST_WORDS_MS = 2_000

export class Webhooks implements WebhookEndsPort, WebhookTargetPort, DeliveriesPort {
  readonly name = 'webhooks'
  readonly #options: WebhooksOptions
  readonly #disabled: DisabledUrls
  readonly #queue: WebhookQueue
  readonly #range: RangeRedelivery
  readonly #createId: () => string

  constructor(options: WebhooksOptions) {
    this.#options = options
    this.#disabled = new DisabledUrls(options.disabledUrls)
    this.#queue = new WebhookQueue({ ...options, disabled: this.#disabled })
    this.#range = new RangeRedelivery({ ...options, queue: this.#queue })
    this.#createId = createDeliveryIds(() => options.clock.wallMs())
  }

  async start(): Promise<void> {
    this.#queue.start()
  }

  async stop(): Promise<void> {
    this.#range.stop()
    await this.#queue.stop(LAST_WORDS_MS)
  }

  deliveryOf({ seq, id, webhook }: RunOrder, { status }: RunEnd): StoredDelivery | null {
    if (webhook === null) return null
    const nowMs = this.#options.clock.wallMs()
    const isDisabled = this.#disabled.has(webhook.url)
    return {
      id: this.#createId(),
      seq,
      run: id,
      type: typeOf(status),
      url: webhook.url,
      receiver: receiverOf(webhook.url),
      createdMs: nowMs,
      state: isDisabled ? 'disabled' : 'pending',
      tries: 0,
      failures: 0,
      nextMs: isDisabled ? null : nowMs,
      lastStatus: null,
      lastError: isDisabled ? 'its receiver has answered 410 Gone' : null,
    }
  }

  stored(delivery: StoredDelivery, order: RunOrder, end: RunEnd): void {
    if (delivery.state !== 'pending') return
    this.#queue.add(delivery, { run: { ...order, ...end }, result: end.result })
  }

  judgeTarget({ url, headers }: Pick<WebhookOrder, 'url' | 'headers'>): TargetVerdict {
    const verdict = this.#options.outbound.judge(url)
    if (!verdict.ok)
      return {
        ok: false,
        pointer: '/url',
        detail: `The webhook may not go there: ${verdict.reason}${verdict.mayBeAllowed ? '; see WEBHOOK_ALLOW' : ''}`,
      }
    const bad = findHeaderProblem(headers)
    if (!bad) return { ok: true }
    const pointer = bad.name === undefined ? '/headers' : `/headers/${escapePointer(bad.name)}`
    return { ok: false, pointer, detail: bad.problem }
  }

  async of(run: string): Promise<readonly DeliveryView[]> {
    const found = await this.#options.reads.deliveries(run)
    return found.map(({ attempts, ...delivery }) => toView(delivery, attempts))
  }

  async redeliver(id: string): Promise<Redelivered | undefined> {
    const { reads, keep, clock } = this.#options
    const found = await reads.delivery(id)
    if (!found) return undefined
    const delivery = askedAgain(this.#queue.latest(found), clock.wallMs())
    const takeBack = this.#queue.askAgain(id)
    const kept = await keep([{ kind: 'delivery-set', delivery, attempt: null }])
    if (!kept.ok) {
      takeBack?.()
      const detail = `The redelivery is not on disk: ${kept.detail}. Ask again in a moment.`
      return { ok: false, error: { code: 'STORE_UNAVAILABLE', detail } }
    }
    if (!takeBack) {
      this.#queue.note(delivery)
      this.#queue.add(delivery)
    }
    const all = await this.of(found.run)
    const attempts = all.find((view) => view.id === id)?.attempts ?? []
    return { ok: true, delivery: { ...toView(delivery, []), attempts } }
  }

  redeliverRange(range: DeliveryRange): Promise<RangeRedelivered> {
    return this.#range.begin(range)
  }
}

/** What goes to one host and port shares its bounds. */
function receiverOf(url: string): string {
  return URL.parse(url)?.origin ?? url
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

function toView(delivery: StoredDelivery, attempts: readonly StoredTry[]): DeliveryView {
  const { id, run, type, url, state, tries, createdMs, nextMs, lastStatus, lastError } = delivery
  return {
    id,
    run,
    type,
    url,
    state,
    tries,
    createdAt: isoOf(createdMs),
    nextAt: nextMs === null ? null : isoOf(nextMs),
    status: lastStatus,
    error: lastError,
    attempts: attempts.map(({ atMs, ...attempt }) => ({ ...attempt, at: isoOf(atMs) })),
  }
}

function isoOf(ms: number): string {
  return new Date(ms).toISOString()
}
