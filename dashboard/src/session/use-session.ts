/**
 * Whether the page may show the fleet. A token from the address is tried first, then the cookie. A
 * balancer that does not answer counts as signed in: the feed keeps trying and finds out.
 */
import { useCallback, useEffect, useRef, useState } from 'react'
import { failureOf, type SignInFailure } from '../pages/sign-in/sign-in-page.tsx'
import { text } from '../text/text.ts'
import { checkSession, signInWithToken, signOut } from './session.ts'

export type Session =
  | { readonly state: 'checking' }
  | { readonly state: 'signed-in' }
  | { readonly state: 'signed-out'; readonly failure: SignInFailure | null }

export interface SessionControl {
  readonly session: Session
  enter(): void
  /** The balancer ended the session. */
  expire(): void
  leave(): Promise<void>
}

export function useSession(token: string | null): SessionControl {
  const [session, setSession] = useState<Session>({ state: 'checking' })
  const hasStarted = useRef(false)
  useEffect(() => {
    // A token is good once: it must not be sent twice, whatever mounts twice.
    if (hasStarted.current) return
    hasStarted.current = true
    void begin(token).then(setSession)
  }, [token])
  const enter = useCallback(() => setSession({ state: 'signed-in' }), [])
  const expire = useCallback(
    () => setSession({ state: 'signed-out', failure: { message: text.session.signIn.ended, detail: null } }),
    [],
  )
  const leave = useCallback(async () => {
    await signOut()
    setSession({ state: 'signed-out', failure: null })
  }, [])
  return { session, enter, expire, leave }
}

async function begin(token: string | null): Promise<Session> {
  if (token === null) return fromCookie(null)
  const outcome = await signInWithToken(token)
  return outcome.ok ? { state: 'signed-in' } : fromCookie(failureOf(outcome, 'token'))
}

/** A spent token does no harm to somebody who is signed in already. */
async function fromCookie(failure: SignInFailure | null): Promise<Session> {
  const answer = await checkSession()
  return answer === 'signed-out' ? { state: 'signed-out', failure } : { state: 'signed-in' }
}
