/**
 * The bound on dials under way at once. Owned by the fleet, asked by every member before it dials.
 * Those whose last dial ran into its time limit have at most half of the turns, so that a thousand
 * dead hosts do not keep a worker waiting that has just restarted.
 */
export interface DialLimits {
  readonly all: number
  /** Of them, for members whose last dial got no answer. */
  readonly doubtful: number
}

interface Waiting {
  readonly isDoubtful: boolean
  readonly begin: () => void
}

export class DialTurns {
  readonly #limits: DialLimits
  readonly #hopeful: Waiting[] = []
  readonly #doubtful: Waiting[] = []
  #underWay = 0
  #doubtfulUnderWay = 0

  constructor(limits: DialLimits) {
    this.#limits = limits
  }

  get underWay(): number {
    return this.#underWay
  }

  /** Resolves when it is this dial's turn, with the function that ends it. */
  take(isDoubtful: boolean): Promise<() => void> {
    return new Promise((resolve) => {
      const begin = () => resolve(() => this.#end(isDoubtful))
      ;(isDoubtful ? this.#doubtful : this.#hopeful).push({ isDoubtful, begin })
      this.#beginNext()
    })
  }

  #end(isDoubtful: boolean): void {
    this.#underWay--
    if (isDoubtful) this.#doubtfulUnderWay--
    this.#beginNext()
  }

  #beginNext(): void {
    if (this.#underWay >= this.#limits.all) return
    const next = this.#hopeful.shift() ?? this.#takeDoubtful()
    if (!next) return
    this.#underWay++
    if (next.isDoubtful) this.#doubtfulUnderWay++
    next.begin()
  }

  #takeDoubtful(): Waiting | undefined {
    return this.#doubtfulUnderWay < this.#limits.doubtful ? this.#doubtful.shift() : undefined
  }
}
