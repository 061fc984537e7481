/**
 * A one-time token that is pasted into the address of an open page: only the hash is another then, and no page is
 * loaded. It leaves the address at once and is presented. Called by the sign-in page and by the page that is signed in.
 * Invariant: a token is presented once, by whoever stands when it comes.
 */
import { useEffect, useRef } from 'react'
import { type Outcome, signInWithToken, takeToken } from './session.ts'

/** `present` is given what becomes of the token. */
export function useArrivingToken(present: (asked: Promise<Outcome>) => void): void {
  const latest = useRef(present)
  useEffect(() => {
    latest.current = present
  })
  useEffect(() => {
    const arrive = () => {
      const token = takeToken(window.location, window.history)
      if (token !== null) latest.current(signInWithToken(token))
    }
    window.addEventListener('hashchange', arrive)
    return () => window.removeEventListener('hashchange', arrive)
  }, [])
}
