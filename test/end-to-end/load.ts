/**
 * Callers for end-to-end tests: so many calls at once, until a number is done or until told to end.
 * The invariant: a call that throws is not swallowed; it fails whoever waits for the load.
 */

/** Makes `count` calls, `width` of them at a time, and answers their results in the order of their start. */
export async function callAtOnce<T>(
  count: number,
  width: number,
  call: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = new Array(count)
  let next = 0
  const caller = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      results[index] = await call(index)
    }
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, caller))
  return results
}

export type Load<T> = {
  /** What has come back until now, in the order of its coming. */
  readonly done: readonly T[]
  /** Starts no further call, waits for those under way, and answers all. */
  end(): Promise<readonly T[]>
}

/** Keeps `width` calls under way until it is told to end; a call that throws ends it too. */
export function keepCalling<T>(width: number, call: (index: number) => Promise<T>): Load<T> {
  const done: T[] = []
  let next = 0
  let isEnding = false
  const caller = async (): Promise<void> => {
    while (!isEnding) {
      try {
        done.push(await call(next++))
      } catch (error) {
        isEnding = true
        throw error
      }
    }
  }
  const callers = Promise.all(Array.from({ length: width }, caller))
  // Whoever ends the load gets the error; until then it must not count as unhandled.
  callers.catch(() => {})
  return {
    done,
    async end() {
      isEnding = true
      await callers
      return done
    },
  }
}
