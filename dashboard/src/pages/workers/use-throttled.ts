/** A value that is let through at most every so many milliseconds, the newest one always in the end. */
import { useEffect, useRef, useState } from 'react'

export function useThrottled<Value>(value: Value, everyMs: number): Value {
  const [shown, setShown] = useState(value)
  const latest = useRef(value)
  const shownAt = useRef(0)
  const timer = useRef<number | null>(null)
  useEffect(() => {
    latest.current = value
    if (timer.current !== null) return
    const waitMs = Math.max(0, everyMs - (performance.now() - shownAt.current))
    timer.current = window.setTimeout(() => {
      timer.current = null
      shownAt.current = performance.now()
      setShown(latest.current)
    }, waitMs)
  }, [value, everyMs])
  useEffect(
    () => () => {
      if (timer.current !== null) window.clearTimeout(timer.current)
      timer.current = null
    },
    [],
  )
  return shown
}
