/**
 * Ends a synchronous computation that takes too long, wherever it is: a regular expression that backtracks for years
 * as well. Called by `parameters.ts` around checks that hold a pattern which is not plainly linear.
 *
 * The time limit of `node:vm` interrupts V8 itself; the code that is run belongs to this realm and is called from
 * inside. It costs about a tenth of a millisecond, so what is plainly linear goes without.
 */
import { createContext, Script } from 'node:vm'

export type Bounded<T> = { readonly isLate: false; readonly value: T } | { readonly isLate: true }

const place = createContext({ act: () => {} }) as { act: () => void }
const script = new Script('act()')

/** Calls `act`; throws what it throws. What it had changed before it was ended stays changed. */
export function withinTime<T>(limitMs: number, act: () => T): Bounded<T> {
  let done: { value: T } | undefined
  place.act = () => {
    done = { value: act() }
  }
  try {
    script.runInContext(place, { timeout: limitMs })
  } catch (error) {
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT')
      return { isLate: true }
    throw error
  }
  return done ? { isLate: false, value: done.value } : { isLate: true }
}
