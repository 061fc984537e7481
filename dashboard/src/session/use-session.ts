/**
 * Whether the page may show the fleet. A token from the address is tried first, then the cookie. A
 * balancer that does not answer counts as signed in: the feed keeps trying and finds out.
 */
import { useCallback, useEffect, useRef, useState } from 'react'
import type { FeedClient } from '../feed/feed-client.ts'
import { failureOf, type SignInFailure } from '../pages/sign-in/sign-in-page.tsx'
import { text } from '../text/text.ts'
import { readSession, signInWithToken, signOut } from './session.ts'

export type Session =
  | { readonly state: 'checking' }
  /** `feed` has been started; `me` is what `GET /me` answered on the way, if it was asked. */
  | { readonly state: 'signed-in'; readonly feed: FeedClient; readonly me: unknown }
  | { readonly state: 'signed-out'; readonly failure: SignInFailure | null }

export interface SessionControl {
  readonly session: Session
  enter(): void
  /** The balancer ended the session. */
  expire(): void
  leave(): Promise<void>
}

/** The feed is started as soon as the session is known, so that its first word is under way while the page is drawn. */
export function useSession(token: string | null, createFeed: () => FeedClient): SessionControl {
  const [session, setSession] = useState<Session>({ state: 'checking' })
  const hasStarted = useRef(false)
  const open = useRef((me: unknown): void => {
    const feed = createFeed()
    feed.start()
    setSession({ state: 'signed-in', feed, me })
  })
  useEffect(() => {
    // A token is good once: it must not be sent twice, whatever mounts twice.
    if (hasStarted.current) return
    hasStarted.current = true
    void begin(token).then((begun) =>
      begun.isSignedIn ? open.current(begun.me) : setSession({ state: 'signed-out', failure: begun.failure }),
    )
  }, [token])
  const enter = useCallback(() => open.current(null), [])
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

type Begun =
  | { readonly isSignedIn: true; readonly me: unknown }
  | { readonly isSignedIn: false; readonly failure: SignInFailure | null }

async function begin(token: string | null): Promise<Begun> {
  if (token === null) return fromCookie(null)
  const outcome = await signInWithToken(token)
  return outcome.ok ? { isSignedIn: true, me: null } : fromCookie(failureOf(outcome, 'token'))
}

/** A spent token does no harm to somebody who is signed in already. */
async function fromCookie(failure: SignInFailure | null): Promise<Begun> {
  const { check, me } = await readSession()
  return check === 'signed-out' ? { isSignedIn: false, failure } : { isSignedIn: true, me }
}
