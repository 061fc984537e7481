/**
 * One thing at a time with a schedule: firing it, changing it, removing it. Whoever reads schedules from the disk to
 * act on them asks here which of them have been another's meanwhile. Owned by Schedules.
 * Invariants: turns of one schedule do not overlap; a turn that fails ends like any other.
 */

export class ScheduleTurns {
  /** The last turn of each that is under way. */
  readonly #last = new Map<string, Promise<unknown>>()
  /** One of each look that is under way. */
  readonly #touched = new Set<Set<string>>()

  /** Behind those who came before. */
  async take<Result>(id: string, act: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(id)
    const turn = (before ?? Promise.resolve()).then(act, act)
    this.#last.set(id, turn)
    try {
      return await turn
    } finally {
      if (this.#last.get(id) === turn) this.#last.delete(id)
      for (const touched of this.#touched) touched.add(id)
    }
  }

  isTaken(id: string): boolean {
    return this.#last.has(id)
  }

  /** Reads, and judges in the same turn of the loop; `isFree` of a schedule that nobody had in hand since the read began. */
  async look<Read, Judged>(
    read: () => Promise<Read>,
    judge: (read: Read, isFree: (id: string) => boolean) => Judged,
  ): Promise<Judged> {
    const touched = new Set<string>(this.#last.keys())
    this.#touched.add(touched)
    try {
      return judge(await read(), (id) => !touched.has(id) && !this.isTaken(id))
    } finally {
      this.#touched.delete(touched)
    }
  }
}
