/**
 * Who waits for the ends of durable runs. Each is answered once: by the end, when its time is up, when its signal
 * fires, or when the balancer ends: who merely looks on leaves as it begins to drain, callers at its bound. At most
 * 10,000 wait.
 */
import type { Settlement } from '../ports/submission.ts'

type Tell = (settlement: Settlement | undefined) => void

const MAX_WAITS = 10_000

export class RunWaits {
  readonly #waits = new Map<string, Set<Tell>>()
  readonly #onlookers = new Set<Tell>()
  #count = 0
  #isDraining = false
  #isClosed = false

  get isFull(): boolean {
    return this.#count >= MAX_WAITS
  }

  /** The end of a run that has not ended; undefined when it does not come in time. An onlooker is let go by a drain. */
  async wait(
    id: string,
    ms: number,
    signal?: AbortSignal,
    isOnlooker = false,
  ): Promise<Settlement | undefined> {
    if (this.#isClosed || (isOnlooker && this.#isDraining)) return undefined
    if (this.isFull || signal?.aborted || ms <= 0) return undefined
    const { promise, resolve } = Promise.withResolvers<Settlement | undefined>()
    const giveUp = () => resolve(undefined)
    const waiting = this.#waits.get(id) ?? new Set()
    this.#waits.set(id, waiting.add(resolve))
    if (isOnlooker) this.#onlookers.add(resolve)
    this.#count++
    const timer = setTimeout(giveUp, ms)
    signal?.addEventListener('abort', giveUp, { once: true })
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', giveUp)
      this.#count--
      waiting.delete(resolve)
      this.#onlookers.delete(resolve)
      if (waiting.size === 0 && this.#waits.get(id) === waiting) this.#waits.delete(id)
    }
  }

  tell(id: string, make: () => Settlement): void {
    if (this.#waits.size === 0) return
    const waiting = this.#waits.get(id)
    if (!waiting) return
    const settlement = make()
    for (const resolve of waiting) resolve(settlement)
  }

  drain(): void {
    this.#isDraining = true
    for (const resolve of this.#onlookers) resolve(undefined)
  }

  close(): void {
    this.#isClosed = true
    for (const waiting of this.#waits.values()) for (const resolve of waiting) resolve(undefined)
  }
}
