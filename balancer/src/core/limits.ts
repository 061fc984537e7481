/**
 * The limits of one balancer, in memory: counts and token buckets by key. Asked by placement.ts before
 * every start; a key without terms is always open and costs one look into a map.
 */
import type { LimitFacts, LimitsPort, LimitTerms, Pause } from '../ports/scheduling.ts'

interface Gate {
  terms: LimitTerms
  used: number
  tokens: number
  filledAt: number
}

const NEVER = Number.POSITIVE_INFINITY

export class MemoryLimits implements LimitsPort {
  readonly #gates = new Map<string, Gate>()
  /** Permits of keys by the instant at which they come back; only those that have one. */
  #leases: { key: string; count: number; untilAt: number }[] = []

  set(key: string, terms: LimitTerms | undefined, now: number): void {
    const gate = this.#gates.get(key)
    if (gate) {
      fill(gate, now)
      gate.terms = terms ?? {}
      gate.tokens = Math.min(gate.tokens, terms?.rate?.limit ?? NEVER)
    } else if (terms)
      this.#gates.set(key, { terms, used: 0, tokens: terms.rate?.limit ?? NEVER, filledAt: now })
  }

  take(key: string, count: number, untilAt: number, now: number): number {
    this.#expire(now)
    const gate = this.#gates.get(key)
    if (!gate) return count
    if (pauseOf(gate, now)) return 0
    fill(gate, now)
    const room = (gate.terms.concurrency ?? NEVER) - gate.used
    const granted = Math.max(0, Math.min(count, room, Math.floor(gate.tokens)))
    gate.used += granted
    if (gate.terms.rate) gate.tokens -= granted
    if (granted > 0 && untilAt < NEVER) this.#leases.push({ key, count: granted, untilAt })
    return granted
  }

  give(key: string, count: number): void {
    const gate = this.#gates.get(key)
    if (gate) gate.used = Math.max(0, gate.used - count)
  }

  openAt(key: string, now: number): number {
    this.#expire(now)
    const gate = this.#gates.get(key)
    if (!gate) return now
    const pause = pauseOf(gate, now)
    if (pause) return pause.untilAt ?? NEVER
    fill(gate, now)
    if (gate.used >= (gate.terms.concurrency ?? NEVER)) return NEVER
    const { rate } = gate.terms
    if (!rate || gate.tokens >= 1) return now
    return now + Math.ceil(((1 - gate.tokens) * rate.perMs) / rate.limit)
  }

  facts(key: string, now: number): LimitFacts {
    const gate = this.#gates.get(key)
    if (!gate) return { concurrency: { used: 0, limit: undefined }, rate: undefined, paused: undefined }
    fill(gate, now)
    const { concurrency, rate } = gate.terms
    return {
      concurrency: { used: gate.used, limit: concurrency },
      rate: rate && { used: Math.ceil(rate.limit - gate.tokens), ...rate },
      paused: pauseOf(gate, now),
    }
  }

  #expire(now: number): void {
    if (this.#leases.length === 0) return
    const over = this.#leases.filter(({ untilAt }) => untilAt <= now)
    if (over.length === 0) return
    this.#leases = this.#leases.filter(({ untilAt }) => untilAt > now)
    for (const { key, count } of over) this.give(key, count)
  }
}

function pauseOf({ terms }: Gate, now: number): Pause | undefined {
  const { paused } = terms
  return paused && (paused.untilAt ?? NEVER) > now ? paused : undefined
}

function fill(gate: Gate, now: number): void {
  const { rate } = gate.terms
  if (rate) {
    const tokens = Number.isFinite(gate.tokens) ? gate.tokens : rate.limit
    gate.tokens = Math.min(rate.limit, tokens + ((now - gate.filledAt) * rate.limit) / rate.perMs)
  } else gate.tokens = NEVER
  gate.filledAt = now
}
