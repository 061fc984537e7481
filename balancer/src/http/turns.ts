/**
 * One after another: changes that read what is, wait for the disk and then take effect must not overtake each
 * other, or the second would be made of what the first has ended. Used by settings.ts and maintenance.ts.
 * Invariant: no work begins before the one before it has ended, well or not; the line has a bound.
 */
import type { TaskError } from '@berth/protocol'

/** Changes that may wait for the disk. */
const MAX_IN_LINE = 32

export const LINE_FULL: TaskError = {
  code: 'STORE_UNAVAILABLE',
  detail: `${MAX_IN_LINE} changes wait for the disk already; try again in a moment.`,
}

export class Turns {
  #last: Promise<unknown> = Promise.resolve()
  #inLine = 0

  /** What `work` answers at its turn; undefined when too many stand in line already. */
  async take<T>(work: () => T | Promise<T>): Promise<T | undefined> {
    if (this.#inLine >= MAX_IN_LINE) return undefined
    this.#inLine++
    const done = this.#last.then(work)
    this.#last = done.catch(() => {})
    return done.finally(() => this.#inLine--)
  }
}
