/**
 * The webhooks of tasks that came to this worker directly: sends each result to its receiver, again after failures,
 * in memory only. Fed by `webhook-reply.ts` when a task is through and its slot is free.
 *
 *   send ─▶ its turn ─▶ post ──2xx, 4xx but 408 409 425 429──▶ over
 *              ▲          ├─410─▶ over, and its URL is disabled
 *              │          ├─refused address─▶ over
 *              └──delay───┴─anything else, while retries are left
 *
 * Invariants: at most `maxPending` deliveries and about `maxPendingBytes` of bodies are taken on; every delivery
 * that is given up leaves a line in the log.
 */
import { BERTH_VERSION } from '@berth/protocol'
import {
  type Clock,
  createBackoff,
  type Log,
  layHeaders,
  type Outbound,
  type OutboundResult,
  signWebhook,
} from '@berth/runtime'
import { startTimer } from '../attempt/timer.ts'
import { Turns } from './turns.ts'

export interface DeliverySettings {
  /** One try, from the connection to the answer. */
  readonly timeoutMs: number
  /** Tries beyond the first. */
  readonly maxRetries: number
  /** Before the first retry; doubled each time. */
  readonly retryDelayMs: number
  /** Laid under the caller's. */
  readonly headers: Readonly<Record<string, string>>
  /** None: unsigned. */
  readonly secrets: readonly Uint8Array[]
}

export interface Delivery {
  /** The run's id, and the message's. */
  readonly run: string
  readonly url: string
  /** The caller's. */
  readonly headers: Readonly<Record<string, string>>
  readonly status: 'completed' | 'failed'
  /** JSON, sent as it is. */
  readonly body: Uint8Array
}

export interface DeliveryPorts {
  readonly outbound: Outbound
  readonly clock: Clock
  readonly log: Log
  /** In [0, 1). */
  readonly random: () => number
}

export interface DeliveryBounds {
  readonly maxPending: number
  readonly maxPendingBytes: number
  /** Requests at once, and of them to one receiver. */
  readonly atOnce: number
  readonly atOnceEach: number
}

const BOUNDS: DeliveryBounds = {
  maxPending: 10_000,
  maxPendingBytes: 64 * 1024 * 1024,
  atOnce: 64,
  atOnceEach: 16,
}
const LONGEST_DELAY_MS = 3_600_000
/** URLs that said 410, the latest of them. */
const DISABLED_KEPT = 1_000
const REPEATED_4XX: ReadonlySet<number> = new Set([408, 409, 425, 429])

/** Undefined: it may be accepted. */
export type Hindrance =
  | { readonly kind: 'full' }
  | { readonly kind: 'refused'; readonly reason: string }
  | undefined

export class Deliveries {
  readonly #settings: DeliverySettings
  readonly #ports: DeliveryPorts
  readonly #bounds: DeliveryBounds
  readonly #turns: Turns
  readonly #pending = new Map<Delivery, AbortController>()
  readonly #disabled = new Set<string>()
  readonly #idle: (() => void)[] = []
  /** Tasks that will send something when they are through. */
  #promised = 0
  #pendingBytes = 0

  constructor(settings: DeliverySettings, ports: DeliveryPorts, bounds: DeliveryBounds = BOUNDS) {
    this.#settings = settings
    this.#ports = ports
    this.#bounds = bounds
    this.#turns = new Turns({ total: bounds.atOnce, each: bounds.atOnceEach })
  }

  /** Deliveries under way, those that wait for their next try among them. */
  get pending(): number {
    return this.#pending.size
  }

  /** Whether a task that wants its result sent there may be accepted. */
  hindranceOf(url: string): Hindrance {
    const verdict = this.#ports.outbound.judge(url)
    if (!verdict.ok)
      return {
        kind: 'refused',
        reason: `${verdict.reason}${verdict.mayBeAllowed ? '; see WEBHOOK_ALLOW' : ''}`,
      }
    if (this.#disabled.has(url)) return { kind: 'refused', reason: 'its receiver has answered 410 Gone' }
    const { maxPending, maxPendingBytes } = this.#bounds
    const isFull = this.#promised + this.pending >= maxPending || this.#pendingBytes >= maxPendingBytes
    return isFull ? { kind: 'full' } : undefined
  }

  /** A task was accepted; `send` or `forgo` follows. */
  promise(): void {
    this.#promised++
  }

  send(delivery: Delivery): void {
    this.#promised--
    const giveUp = new AbortController()
    this.#pending.set(delivery, giveUp)
    this.#pendingBytes += delivery.body.length
    void this.#deliver(delivery, giveUp.signal).then(() => this.#forget(delivery))
  }

  /** Resolves when nothing is under way. */
  async whenIdle(): Promise<void> {
    if (this.pending === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** Gives up what is under way. */
  stop(): void {
    for (const giveUp of this.#pending.values()) giveUp.abort()
  }

  /** Never rejects. */
  async #deliver(delivery: Delivery, signal: AbortSignal): Promise<void> {
    const { retryDelayMs, maxRetries } = this.#settings
    const backoff = createBackoff({
      baseMs: retryDelayMs,
      maxMs: LONGEST_DELAY_MS,
      random: this.#ports.random,
    })
    const { host } = new URL(delivery.url)
    for (let tries = 1; ; tries++) {
      const result = await this.#turns.run(host, () => this.#post(delivery, signal))
      if (this.#isOver(delivery, result, tries)) return
      if (signal.aborted) return this.#giveUp(delivery, 'the worker is shutting down', tries)
      if (tries > maxRetries) return this.#giveUp(delivery, describe(result), tries)
      const wantedMs = result.kind === 'answered' ? (result.retryAfterMs ?? 0) : 0
      await pause(Math.max(backoff.next(), wantedMs), signal)
      if (signal.aborted) return this.#giveUp(delivery, 'the worker is shutting down', tries)
    }
  }

  #post(delivery: Delivery, signal: AbortSignal): Promise<OutboundResult> {
    const { outbound } = this.#ports
    if (signal.aborted) return Promise.resolve({ kind: 'failed', reason: 'it was given up' })
    const { url, body } = delivery
    return outbound.post({
      url,
      headers: this.#headersOf(delivery),
      body,
      timeoutMs: this.#settings.timeoutMs,
      signal,
    })
  }

  #headersOf({ run, status, headers, body }: Delivery): Record<string, string> {
    const { secrets } = this.#settings
    const timestamp = Math.floor(this.#ports.clock.wallMs() / 1000)
    const own: Record<string, string> = {
      'content-type': 'application/json',
      'x-run-id': run,
      'x-run-status': status,
      'webhook-id': run,
      'webhook-timestamp': String(timestamp),
    }
    if (secrets.length > 0) own['webhook-signature'] = signWebhook(secrets, { id: run, timestamp, body })
    const base = { 'user-agent': `berth/${BERTH_VERSION}` }
    return layHeaders(base, this.#settings.headers, headers, own)
  }

  #isOver(delivery: Delivery, result: OutboundResult, tries: number): boolean {
    if (result.kind === 'failed') return false
    if (result.kind === 'refused') {
      this.#giveUp(delivery, result.reason, tries)
      return true
    }
    const { status } = result
    if (status === 410) this.#disable(delivery.url)
    if (status >= 200 && status < 300) {
      this.#ports.log.debug('webhook delivered', { run: delivery.run, status, tries })
      return true
    }
    if (status < 400 || status > 499 || REPEATED_4XX.has(status)) return false
    this.#giveUp(delivery, describe(result), tries)
    return true
  }

  #disable(url: string): void {
    this.#disabled.add(url)
    for (const oldest of this.#disabled) {
      if (this.#disabled.size <= DISABLED_KEPT) break
      this.#disabled.delete(oldest)
    }
  }

  /** The path may hold a secret of the receiver's; the host says enough. */
  #giveUp({ run, url }: Delivery, reason: string, tries: number): void {
    this.#ports.log.warn('webhook given up', { run, receiver: new URL(url).host, reason, tries })
  }

  #forget(delivery: Delivery): void {
    this.#pending.delete(delivery)
    this.#pendingBytes -= delivery.body.length
    if (this.pending === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }
}

function describe(result: OutboundResult): string {
  return result.kind === 'answered' ? `it answered ${result.status}` : result.reason
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = startTimer(ms, done)
    function done() {
      stop()
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}
