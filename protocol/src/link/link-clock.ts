/**
 * How old is what arrives? Both ends stamp each frame with their own monotonic milliseconds. The
 * least difference between receiver's and sender's clock seen in the last ten minutes is the one
 * of the fastest frame, so whatever a later frame takes beyond it is its age.
 */
const WINDOW_MS = 10 * 60_000
const STEPS = 10

export class LinkClock {
  /** The least difference of each of the last ten minutes, newest last. */
  readonly #minutes: { since: number; least: number }[] = []

  /** Notes a frame's stamp and returns its age in milliseconds, at least 0. */
  ageMs(nowMs: number, sentAt: number): number {
    const difference = nowMs - sentAt
    this.#note(nowMs, difference)
    return Math.max(0, difference - this.#least())
  }

  #note(nowMs: number, difference: number): void {
    const last = this.#minutes.at(-1)
    if (last && nowMs - last.since < WINDOW_MS / STEPS) last.least = Math.min(last.least, difference)
    else this.#minutes.push({ since: nowMs, least: difference })
    while (this.#minutes.length > STEPS) this.#minutes.shift()
  }

  #least(): number {
    let least = Number.POSITIVE_INFINITY
    for (const minute of this.#minutes) least = Math.min(least, minute.least)
    return least
  }
}
