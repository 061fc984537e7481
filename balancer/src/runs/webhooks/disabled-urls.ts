/**
 * URLs whose receivers said 410 Gone: nothing is sent there any more, until somebody asks for a redelivery and the
 * receiver takes it. Kept in the store; here is what is asked at every end of a run.
 * Invariant: at most 10,000 are known; beyond that the oldest is forgotten, in the store too.
 */
import type { RunWrite } from '../../ports/run-writes.ts'

const CAPACITY = 10_000

export class DisabledUrls {
  /** Since when; Unix milliseconds. */
  readonly #since: Map<string, number>

  constructor(stored: readonly string[]) {
    this.#since = new Map(stored.map((url) => [url, 0]))
  }

  has(url: string): boolean {
    return this.#since.has(url)
  }

  /** Whether it was closed after a try began. */
  isClosedSince(url: string, beganMs: number): boolean {
    return (this.#since.get(url) ?? Number.NEGATIVE_INFINITY) >= beganMs
  }

  /** The writes that make it so. */
  disable(url: string, sinceMs: number): RunWrite[] {
    this.#since.delete(url)
    this.#since.set(url, sinceMs)
    const [oldest] = this.#since.size > CAPACITY ? this.#since.keys() : []
    if (oldest !== undefined) this.#since.delete(oldest)
    const forgotten: RunWrite[] = oldest === undefined ? [] : [{ kind: 'url-enabled', url: oldest }]
    return [{ kind: 'url-disabled', url, sinceMs }, ...forgotten]
  }

  /** A try that began at `beganMs` was taken: opens the URL, unless it was closed since. */
  enable(url: string, beganMs: number): RunWrite[] {
    const sinceMs = this.#since.get(url)
    if (sinceMs === undefined || this.isClosedSince(url, beganMs)) return []
    this.#since.delete(url)
    return [{ kind: 'url-enabled', url }]
  }
}
