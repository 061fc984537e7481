/**
 * How many tasks of a lane start in a second: counted in stretches of five, of which the last whole one
 * and the present one are remembered. Written at every start, so it costs a comparison and a sum.
 */
const STRETCH_MS = 5_000

export class StartRate {
  #since = Number.NEGATIVE_INFINITY
  #present = 0
  #past = 0

  note(now: number): void {
    if (now - this.#since >= STRETCH_MS) this.#turn(now)
    this.#present++
  }

  /** Undefined while nothing has started lately. */
  perSecond(now: number): number | undefined {
    const agoMs = now - this.#since
    if (agoMs >= 2 * STRETCH_MS) return undefined
    // Of the stretch before only so much counts as makes five seconds together.
    const pastShare = Math.max(0, 1 - agoMs / STRETCH_MS)
    const starts = this.#present + this.#past * pastShare
    const overMs = this.#past > 0 ? STRETCH_MS : Math.max(1_000, agoMs)
    return starts > 0 ? (starts * 1_000) / Math.max(overMs, agoMs) : undefined
  }

  #turn(now: number): void {
    this.#past = now - this.#since < 2 * STRETCH_MS ? this.#present : 0
    this.#present = 0
    this.#since = now
  }
}
