/**
 * The signs of life of one link: when the worker was last heard, when it is due a ping, how long the
 * last one took. Kept by a member, which asks it a few times a second. Times are monotonic ms.
 */
export interface HeartbeatTerms {
  readonly heartbeatIntervalMs: number
  readonly heartbeatTimeoutMs: number
  readonly leaseMs: number
}

/** Pings that may still be sent in one look at the fleet. */
export interface PingAllowance {
  left: number
}

/**
 * What one look at so many links may send, looks being `everyMs` apart: twice their share of an interval. After a
 * process that stood still all are due; ten thousand in one turn would hold it up again, and again at each interval.
 */
export function pingsOfLook(links: number, everyMs: number, intervalMs: number): PingAllowance {
  return { left: LEAST_PINGS + Math.ceil(links * Math.min(1, (2 * everyMs) / intervalMs)) }
}

/** So many are sent at once in a fleet of any size. */
const LEAST_PINGS = 100

export class Heartbeat {
  readonly #terms: HeartbeatTerms
  #heardAtMs = Number.NEGATIVE_INFINITY
  #pingedAtMs = 0
  #pingId = 0
  /** The longest time without a sign of life since it was taken last. */
  #gapMs = 0
  /** Of the last ping that was answered; null on a link that has answered none. */
  latencyMs: number | null = null

  constructor(terms: HeartbeatTerms) {
    this.#terms = terms
  }

  get heardAtMs(): number {
    return this.#heardAtMs
  }

  /** A new link. */
  begin(nowMs: number): void {
    this.heard(nowMs)
    this.#pingedAtMs = nowMs
    this.latencyMs = null
  }

  heard(nowMs: number): void {
    const silentMs = nowMs - this.#heardAtMs
    // Before the first sign of life there was no silence.
    if (silentMs > this.#gapMs && silentMs < Number.POSITIVE_INFINITY) this.#gapMs = silentMs
    this.#heardAtMs = nowMs
  }

  /** How long it was silent at most since this was asked last; null when it was never heard. */
  takeGapMs(nowMs: number): number | null {
    const gapMs = Math.max(this.#gapMs, nowMs - this.#heardAtMs)
    this.#gapMs = 0
    return Number.isFinite(gapMs) ? gapMs : null
  }

  /** This process stood still for so long: what it did not hear is nobody's silence. */
  forgive(ms: number): void {
    this.#heardAtMs += ms
  }

  judge(nowMs: number): 'alive' | 'silent' | 'lost' {
    const { heartbeatIntervalMs, heartbeatTimeoutMs, leaseMs } = this.#terms
    const silentMs = nowMs - this.#heardAtMs
    if (silentMs > leaseMs) return 'lost'
    return silentMs > heartbeatIntervalMs + heartbeatTimeoutMs ? 'silent' : 'alive'
  }

  /** The id of the ping that is due now and may be sent, undefined when none is. */
  takePing(nowMs: number, pings: PingAllowance): number | undefined {
    if (pings.left <= 0 || nowMs - this.#pingedAtMs < this.#terms.heartbeatIntervalMs) return undefined
    pings.left -= 1
    return this.ping(nowMs)
  }

  /** The id of a ping that is sent now, due or not. */
  ping(nowMs: number): number {
    this.#pingedAtMs = nowMs
    this.#pingId = (this.#pingId + 1) % 0x1_0000_0000
    return this.#pingId
  }

  /** Only the answer to the last ping tells a time. */
  pong(id: number, nowMs: number): void {
    if (id === this.#pingId) this.latencyMs = Math.round((nowMs - this.#pingedAtMs) * 10) / 10
  }
}
