/**
 * What the page asks before it is made: whether there is a session, by the one-time token of the address or else by
 * the cookie, and at once the first word of the feed. Called by `begin.ts`, once a page: a token is good once.
 * Invariant: nothing of React, of the page's words or of a schema is needed here, so that all of them are under way
 * while these load.
 */
import type { FeedClient } from '../feed/feed-client.ts'
import { type Outcome, readSession, signInWithToken } from './session.ts'

/** `Feed` is what has been begun of it. */
export type Begun<Feed = FeedClient> =
  /** `me` is what `GET /me` answered on the way, if it was asked. */
  | { readonly isSignedIn: true; readonly feed: Feed; readonly me: unknown }
  /** How the token was refused, if there was one. */
  | { readonly isSignedIn: false; readonly refused: Extract<Outcome, { ok: false }> | null }

export async function beginSession<Feed>(token: string | null, beginFeed: () => Feed): Promise<Begun<Feed>> {
  const outcome = token === null ? null : await signInWithToken(token)
  if (outcome?.ok) return { isSignedIn: true, feed: beginFeed(), me: null }
  // A spent token does no harm to somebody who is signed in already.
  const { check, me } = await readSession()
  if (check === 'signed-out') return { isSignedIn: false, refused: outcome }
  return { isSignedIn: true, feed: beginFeed(), me }
}

/** Started before anything is drawn, so that its first word is there as soon as the page is. */
export function startFeed(feed: FeedClient): FeedClient {
  feed.start()
  return feed
}
