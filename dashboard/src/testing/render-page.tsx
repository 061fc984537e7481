/**
 * Renders something of a page as the app does: router, feed, queries, notices. The feed says one snapshot
 * when it is given; requests go through `fake-fetch.ts`.
 */
import type { FeedMessage } from '@berth/protocol'
import { QueryClientProvider } from '@tanstack/react-query'
import { act, render } from '@testing-library/react'
import type { ReactNode } from 'react'
import { Router } from 'wouter'
import { createQueryClient } from '../api/query.ts'
import { FeedProvider } from '../feed/use-feed.tsx'
import { ToastProvider } from '../kit/toasts.tsx'
import { BASE } from '../paths.ts'
import { createFakeFeed, type FakeFeed } from './fake-feed.ts'

interface Options {
  /** Below `/dashboard`, with its search. */
  readonly path?: string
  /** What the feed says first; nothing leaves it connecting. */
  readonly says?: FeedMessage
}

export function renderPage(ui: ReactNode, { path = '/', says }: Options = {}): FakeFeed {
  window.history.replaceState(null, '', `${BASE}${path}`)
  const feed = createFakeFeed()
  feed.client.start()
  render(
    <QueryClientProvider client={createQueryClient()}>
      <FeedProvider client={feed.client}>
        <ToastProvider>
          <Router base={BASE}>{ui}</Router>
        </ToastProvider>
      </FeedProvider>
    </QueryClientProvider>,
  )
  if (says) {
    act(() => {
      feed.socket().open()
      feed.socket().say(says)
    })
  }
  return feed
}
