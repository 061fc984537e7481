/**
 * Remembers the highest fence seen of recent runs, so that an attempt which was overtaken is not taken late.
 * Asked by `link-tasks.ts` for every TASK. Bounded: the runs not heard of for longest are forgotten first.
 *
 * Two generations: when the younger one is full the older one is dropped whole. Taking the oldest entry out of one
 * map costs more with every entry that was taken out before it, since the map keeps their places for a while.
 */
const RUNS_KEPT = 40_000

export class Fences {
  #younger = new Map<string, number>()
  #older = new Map<string, number>()
  readonly #limit: number

  /** At most `limit` runs are kept, and at least the newest half of them. */
  constructor(limit = RUNS_KEPT) {
    this.#limit = limit
  }

  /** Notes a fence; false when a higher one was seen for the run. */
  note(run: string, fence: number): boolean {
    const highest = this.#younger.get(run) ?? this.#older.get(run)
    if (highest !== undefined && fence < highest) return false
    if (this.#younger.size >= this.#limit / 2 && !this.#younger.has(run)) {
      this.#older = this.#younger
      this.#younger = new Map()
    }
    this.#younger.set(run, fence)
    return true
  }
}
