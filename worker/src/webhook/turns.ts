/**
 * Who may send now: so many at once, and so many to one receiver, so that one which never answers does not hold up
 * the others. Used by `deliveries.ts` alone. First come, first served among those that may.
 */
export interface TurnLimits {
  readonly total: number
  readonly each: number
}

interface Waiting {
  readonly key: string
  readonly begin: () => void
}

export class Turns {
  readonly #limits: TurnLimits
  readonly #active = new Map<string, number>()
  #total = 0
  #waiting: Waiting[] = []

  constructor(limits: TurnLimits) {
    this.#limits = limits
  }

  /** Runs `act` when it is its turn; the turn lasts until the promise settles, which must not reject. */
  async run<T>(key: string, act: () => Promise<T>): Promise<T> {
    if (!this.#mayBegin(key)) await new Promise<void>((begin) => this.#waiting.push({ key, begin }))
    else this.#take(key)
    try {
      return await act()
    } finally {
      this.#release(key)
    }
  }

  #mayBegin(key: string): boolean {
    return this.#total < this.#limits.total && (this.#active.get(key) ?? 0) < this.#limits.each
  }

  #take(key: string): void {
    this.#total++
    this.#active.set(key, (this.#active.get(key) ?? 0) + 1)
  }

  #release(key: string): void {
    this.#total--
    const left = (this.#active.get(key) ?? 1) - 1
    if (left === 0) this.#active.delete(key)
    else this.#active.set(key, left)
    const at = this.#waiting.findIndex((waiting) => this.#mayBegin(waiting.key))
    const next = this.#waiting[at]
    if (!next) return
    this.#waiting.splice(at, 1)
    this.#take(next.key)
    next.begin()
  }
}
