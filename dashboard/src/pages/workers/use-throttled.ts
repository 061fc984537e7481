/**
 * A value that is let through at most every so many milliseconds, the newest one always in the end. While values keep
 * coming it changes together with one of them, so that what shows it is not drawn for it alone.
 */
import { useEffect, useState } from 'react'

/** How late the last value may be: the next one of the feed comes before. */
const LATE_MS = 500

/** How often may depend on what is shown. */
export function useThrottled<Value>(value: Value, every: number | ((shown: Value) => number)): Value {
  const [shown, setShown] = useState({ value, atMs: Number.NEGATIVE_INFINITY })
  const everyMs = typeof every === 'function' ? every(shown.value) : every
  const isNew = !Object.is(value, shown.value)
  if (isNew && performance.now() - shown.atMs >= everyMs) setShown({ value, atMs: performance.now() })
  useEffect(() => {
    if (!isNew) return
    const waitMs = Math.max(0, shown.atMs + everyMs - performance.now()) + LATE_MS
    const timer = window.setTimeout(() => setShown({ value, atMs: performance.now() }), waitMs)
    return () => window.clearTimeout(timer)
  }, [value, isNew, shown.atMs, everyMs])
  return shown.value
}
