/**
 * What the page asks before it is made: whether there is a session, by the one-time token of the address or else by
 * the cookie, and at once the first word of the feed. Called by `begin.ts`, once a page: a token is good once.
 * Invariant: nothing of React or of the page's words is needed here, so that both are under way while those load.
 */
import type { FeedClient } from '../feed/feed-client.ts'
import { type Outcome, readSession, signInWithToken } from './session.ts'

export type Begun =
  /** `feed` has been started; `me` is what `GET /me` answered on the way, if it was asked. */
  | { readonly isSignedIn: true; readonly feed: FeedClient; readonly me: unknown }
  /** How the token was refused, if there was one. */
  | { readonly isSignedIn: false; readonly refused: Extract<Outcome, { ok: false }> | null }

export async function beginSession(token: string | null, createFeed: () => FeedClient): Promise<Begun> {
  const outcome = token === null ? null : await signInWithToken(token)
  if (outcome?.ok) return { isSignedIn: true, feed: startFeed(createFeed), me: null }
  // A spent token does no harm to somebody who is signed in already.
  const { check, me } = await readSession()
  if (check === 'signed-out') return { isSignedIn: false, refused: outcome }
  return { isSignedIn: true, feed: startFeed(createFeed), me }
}

/** Started before anything is drawn, so that its first word is under way meanwhile. */
export function startFeed(createFeed: () => FeedClient): FeedClient {
  const feed = createFeed()
  feed.start()
  return feed
}
