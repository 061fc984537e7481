/**
 * Counts failed sign-ins by address: after 10 within a minute further wrong ones are told to wait, and fill
 * neither log nor table. Asked by `POST /sign-in` about what was wrong. An IPv6 address counts with its /64,
 * which one host owns.
 * Invariant: at most `capacity` addresses are remembered; the one that failed longest ago makes room.
 */
import type { Clock } from '@berth/runtime'

const LIMIT = 10
const WINDOW_MS = 60_000

export class FailureThrottle {
  readonly #clock: Clock
  readonly #capacity: number
  /** Monotonic instants of the last failures, oldest first. */
  readonly #failures = new Map<string, number[]>()

  constructor(clock: Clock, capacity = 10_000) {
    this.#clock = clock
    this.#capacity = capacity
  }

  get size(): number {
    return this.#failures.size
  }

  /** How long the address has to wait before its next try; 0 when it may try now. */
  waitMs(address: string): number {
    const recent = this.#recent(networkOf(address))
    const first = recent[recent.length - LIMIT]
    return first === undefined ? 0 : first + WINDOW_MS - this.#clock.monoMs()
  }

  recordFailure(address: string): void {
    const network = networkOf(address)
    const recent = [...this.#recent(network), this.#clock.monoMs()].slice(-LIMIT)
    this.#failures.delete(network)
    const oldest = this.#failures.keys().next()
    if (this.#failures.size >= this.#capacity && !oldest.done) this.#failures.delete(oldest.value)
    this.#failures.set(network, recent)
  }

  #recent(network: string): number[] {
    const since = this.#clock.monoMs() - WINDOW_MS
    return (this.#failures.get(network) ?? []).filter((atMs) => atMs > since)
  }
}

function networkOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!plain.includes(':')) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - groups.length - rest.length)
  return [...groups, ...Array<string>(zeros).fill('0'), ...rest].slice(0, 4).join(':')
}
