/**
 * Remembers the highest fence seen of recent runs, so that an attempt which was overtaken is not taken late.
 * Asked by `link-tasks.ts` for every TASK. Bounded: the runs not heard of for longest are forgotten first.
 */
const RUNS_KEPT = 20_000

export class Fences {
  readonly #highest = new Map<string, number>()
  readonly #limit: number

  constructor(limit = RUNS_KEPT) {
    this.#limit = limit
  }

  /** Notes a fence; false when a higher one was seen for the run. */
  note(run: string, fence: number): boolean {
    const highest = this.#highest.get(run)
    if (highest !== undefined && fence < highest) return false
    this.#highest.delete(run)
    this.#highest.set(run, fence)
    if (this.#highest.size > this.#limit) {
      const oldest = this.#highest.keys().next().value
      if (oldest !== undefined) this.#highest.delete(oldest)
    }
    return true
  }
}
