/**
 * A timer for any duration. Node fires at once beyond 2^31 − 1 ms, so longer waits are armed in steps.
 * Used for the limits of attempts, which may be days. The timer keeps no process alive by itself.
 */
const LONGEST_STEP_MS = 2 ** 31 - 1

/** Calls `fire` once after `ms`; returns what calls it off. */
export function startTimer(ms: number, fire: () => void): () => void {
  let leftMs = Math.max(0, ms)
  let timer: NodeJS.Timeout
  const arm = () => {
    const stepMs = Math.min(leftMs, LONGEST_STEP_MS)
    leftMs -= stepMs
    timer = setTimeout(leftMs > 0 ? arm : fire, stepMs)
    timer.unref()
  }
  arm()
  return () => clearTimeout(timer)
}
