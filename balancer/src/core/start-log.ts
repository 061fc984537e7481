/**
 * When tasks of a limited rate started: so many starts in any stretch of a length, to the letter. Kept by
 * limits.ts, one a key with a rate. Starts of nearly one instant share a mark that counts as its last, so
 * that a log never has more than a thousand marks; it may let a start wait a thousandth longer, never less.
 */
import type { LimitTerms } from '../ports/limits.ts'

type Rate = NonNullable<LimitTerms['rate']>

interface Mark {
  readonly firstAt: number
  lastAt: number
  count: number
}

const GRAINS = 1_000

export class StartLog {
  #marks: Mark[] = []
  #count = 0

  /** Starts that still count. */
  used({ perMs }: Rate, now: number): number {
    for (let mark = this.#marks[0]; mark && mark.lastAt + perMs <= now; mark = this.#marks[0]) {
      this.#marks.shift()
      this.#count -= mark.count
    }
    return this.#count
  }

  /** When one more may start. */
  openAt(rate: Rate, now: number): number {
    if (this.used(rate, now) < rate.limit) return now
    // Of a limit that was lowered more than the first have to pass.
    let over = this.#count - rate.limit
    for (const { lastAt, count } of this.#marks) {
      over -= count
      if (over < 0) return lastAt + rate.perMs
    }
    return now
  }

  /** What was added at an instant did not start after all. Whom it shares its mark with stays until the mark's last. */
  takeBack(count: number, at: number): void {
    const index = this.#marks.findLastIndex(({ firstAt, lastAt }) => firstAt <= at && at <= lastAt)
    const mark = this.#marks[index]
    if (!mark) return
    const taken = Math.min(count, mark.count)
    mark.count -= taken
    this.#count -= taken
    if (mark.count === 0) this.#marks.splice(index, 1)
  }

  add(count: number, { perMs }: Rate, now: number): void {
    this.#count += count
    const last = this.#marks.at(-1)
    if (last && now - last.firstAt <= perMs / GRAINS) {
      last.lastAt = now
      last.count += count
    } else this.#marks.push({ firstAt: now, lastAt: now, count })
  }
}
