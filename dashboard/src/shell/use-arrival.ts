/**
 * Arriving on another page: it begins at its top and the focus moves into it, so that keys and readers of
 * the screen go on from there. Going back leaves the place to the browser, which knows it.
 */
import { useEffect, useRef } from 'react'

export function useArrival(pathname: string): void {
  const last = useRef(pathname)
  const isBack = useRef(false)
  useEffect(() => {
    const note = () => {
      isBack.current = true
    }
    window.addEventListener('popstate', note)
    return () => window.removeEventListener('popstate', note)
  }, [])
  useEffect(() => {
    if (last.current === pathname) return
    last.current = pathname
    const content = document.getElementById('content')
    if (!content?.contains(document.activeElement)) content?.focus({ preventScroll: true })
    if (!isBack.current) window.scrollTo(0, 0)
    isBack.current = false
  }, [pathname])
}
