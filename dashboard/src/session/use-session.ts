/**
 * Whether the page may show the fleet. A token from the address is tried first, then the cookie. A
 * balancer that does not answer counts as signed in: the feed keeps trying and finds out.
 */
import { useCallback, useEffect, useState } from 'react'
import type { FeedClient } from '../feed/feed-client.ts'
import { failureOf, type SignInFailure } from '../pages/sign-in/sign-in-page.tsx'
import { text } from '../text/text.ts'
import { type Begun, startFeed } from './begin-session.ts'
import { signOut } from './session.ts'

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

export function useSession(begun: Promise<Begun>, createFeed: () => FeedClient): SessionControl {
  const [session, setSession] = useState<Session>({ state: 'checking' })
  useEffect(() => {
    void begun.then((answer) => setSession(sessionOf(answer)))
  }, [begun])
  const enter = useCallback(
    () => setSession({ state: 'signed-in', feed: startFeed(createFeed()), me: null }),
    [createFeed],
  )
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

function sessionOf(begun: Begun): Session {
  if (begun.isSignedIn) return { state: 'signed-in', feed: begun.feed, me: begun.me }
  return { state: 'signed-out', failure: begun.refused && failureOf(begun.refused, 'token') }
}
