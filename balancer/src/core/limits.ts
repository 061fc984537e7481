/**
 * The limits of one balancer, in memory: counts, and when tasks started, by key. Asked by placement.ts
 * before every start; a key without terms is always open and costs one look into a map.
 */
import type { LimitFacts, LimitsPort, LimitTerms, Pause } from '../ports/limits.ts'
import { StartLog } from './start-log.ts'

interface Gate {
  terms: LimitTerms
  used: number
  starts: StartLog
}

const NEVER = Number.POSITIVE_INFINITY
const NO_TERMS: LimitTerms = {}

export class MemoryLimits implements LimitsPort {
  readonly #gates = new Map<string, Gate>()
  /** Permits of keys by the instant at which they come back; only those that have one. */
  #leases: { key: string; count: number; untilAt: number }[] = []

  set(key: string, terms: LimitTerms | undefined): void {
    const gate = this.#gates.get(key)
    if (!gate) {
      if (terms) this.#gates.set(key, { terms, used: 0, starts: new StartLog() })
      return
    }
    // What has started counts on, unless it was measured by another length.
    if (gate.terms.rate?.perMs !== terms?.rate?.perMs) gate.starts = new StartLog()
    gate.terms = terms ?? NO_TERMS
    this.#dropIdle(key, gate)
  }

  take(key: string, count: number, untilAt: number, now: number): number {
    this.#expire(now)
    const gate = this.#gates.get(key)
    if (!gate) return count
    if (pauseOf(gate, now)) return 0
    const { concurrency = NEVER, rate } = gate.terms
    const starts = rate ? rate.limit - gate.starts.used(rate, now) : NEVER
    const granted = Math.max(0, Math.min(count, concurrency - gate.used, starts))
    gate.used += granted
    if (rate && granted > 0) gate.starts.add(granted, rate, now)
    if (granted > 0 && untilAt < NEVER) this.#leases.push({ key, count: granted, untilAt })
    return granted
  }

  hold(key: string): void {
    const gate = this.#gates.get(key)
    if (gate) gate.used++
  }

  give(key: string, count: number, unusedSinceAt?: number): void {
    const gate = this.#gates.get(key)
    if (!gate) return
    if (unusedSinceAt !== undefined) gate.starts.takeBack(count, unusedSinceAt)
    gate.used = Math.max(0, gate.used - count)
    this.#dropIdle(key, gate)
  }

  openAt(key: string, now: number, beyond = 0): number {
    this.#expire(now)
    const gate = this.#gates.get(key)
    if (!gate) return now
    const pause = pauseOf(gate, now)
    if (pause) return pause.untilAt ?? NEVER
    const { concurrency = NEVER, rate } = gate.terms
    if (gate.used - beyond >= concurrency) return NEVER
    return rate ? gate.starts.openAt(rate, now) : now
  }

  facts(key: string, now: number): LimitFacts {
    const gate = this.#gates.get(key)
    if (!gate) return { concurrency: { used: 0, limit: undefined }, rate: undefined, paused: undefined }
    const { concurrency, rate } = gate.terms
    return {
      concurrency: { used: gate.used, limit: concurrency },
      rate: rate && { used: gate.starts.used(rate, now), ...rate },
      paused: pauseOf(gate, now),
    }
  }

  /** Nothing holds for the key any more, and nothing of it is out. */
  #dropIdle(key: string, gate: Gate): void {
    if (gate.used === 0 && gate.terms === NO_TERMS) this.#gates.delete(key)
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
