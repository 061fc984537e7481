/** The whole page: sign-in or shell, the one feed client, the one query client, routes below `/dashboard`. */
import { QueryClientProvider } from '@tanstack/react-query'
import { Suspense, useEffect, useState, useSyncExternalStore } from 'react'
import { Router } from 'wouter'
import { usePathname } from 'wouter/use-browser-location'
import { onSignedOut } from './api/client.ts'
import { createQueryClient } from './api/query.ts'
import type { FeedClient } from './feed/feed-client.ts'
import { FeedProvider } from './feed/use-feed.tsx'
import { ButtonLink } from './kit/button.tsx'
import { ErrorBoundary } from './kit/error-boundary.tsx'
import { Page } from './kit/page.tsx'
import { Skeleton } from './kit/states.tsx'
import { ToastProvider, useToasts } from './kit/toasts.tsx'
import { failureOf, SignInPage } from './pages/sign-in/sign-in-page.tsx'
import { paths } from './paths.ts'
import { BASE, type Found, findRoute } from './routes.ts'
import type { Begun } from './session/begin-session.ts'
import { useArrivingToken } from './session/use-arriving-token.ts'
import { useSession } from './session/use-session.ts'
import { Shell } from './shell/shell.tsx'
import { useArrival } from './shell/use-arrival.ts'
import { text } from './text/text.ts'

interface Props {
  /** What the token of the address or the cookie was good for. */
  readonly begun: Promise<Begun>
  createFeed(): FeedClient
  /** Loads the page again: nothing that one session has read, or still asks for, is taken into the next. */
  renew(): void
}

export function App({ begun, createFeed, renew }: Props) {
  const { session, enter, expire, leave } = useSession(begun, createFeed)
  if (session.state === 'checking') return <p className="only-heard">{text.session.signIn.checking}</p>
  if (session.state === 'signed-out') return <SignInPage failure={session.failure} onSignedIn={enter} />
  return (
    <SignedIn client={session.feed} me={session.me} onRenewed={renew} onExpired={expire} onSignOut={leave} />
  )
}

interface SignedInProps {
  readonly client: FeedClient
  readonly me: unknown
  /** Another session has taken the place of this one. */
  onRenewed(): void
  onExpired(): void
  onSignOut(): Promise<void>
}

function SignedIn({ client, me, onRenewed, onExpired, onSignOut }: SignedInProps) {
  // What one session has read must not show in the next.
  const [queries] = useState(() => createQueryClient(me))
  const phase = useSyncExternalStore(client.subscribe, () => client.getView().link.phase)
  useEffect(() => {
    client.start()
    window.addEventListener('online', client.retryNow)
    return () => {
      window.removeEventListener('online', client.retryNow)
      client.stop()
    }
  }, [client])
  useEffect(() => {
    if (phase === 'signed-out') onExpired()
  }, [phase, onExpired])
  useEffect(() => onSignedOut(onExpired), [onExpired])
  return (
    <QueryClientProvider client={queries}>
      <FeedProvider client={client}>
        <ToastProvider>
          <ArrivingToken onRenewed={onRenewed} />
          <Router base={BASE}>
            <Shell onSignOut={() => void onSignOut()}>
              <CurrentPage />
            </Shell>
          </Router>
        </ToastProvider>
      </FeedProvider>
    </QueryClientProvider>
  )
}

/** A token that comes while somebody is signed in gives the session of its own; refused, it takes nothing away. */
function ArrivingToken({ onRenewed }: { onRenewed: () => void }) {
  const show = useToasts()
  useArrivingToken((asked) => {
    void asked.then((outcome) => {
      if (outcome.ok) return onRenewed()
      const { message, detail } = failureOf(outcome, 'token')
      const title = text.session.signIn.stillSignedIn
      show({ tone: 'warn', title, detail: [message, detail].filter(Boolean).join(' '), isSticky: true })
    })
  })
  return null
}

function CurrentPage() {
  const pathname = usePathname()
  useArrival(pathname)
  const found = findRoute(pathname)
  if (!found) return <NoSuchPage />
  // An error of one page must not stand on the next.
  return (
    <ErrorBoundary key={pathname}>
      <Suspense fallback={<Skeleton rows={8} className="page-bones" />}>
        <FoundPage {...found} />
      </Suspense>
    </ErrorBoundary>
  )
}

/**
 * A page whose code is here is drawn at once: what suspends even for a moment shows what stands for it, and React
 * takes that away again after 300 ms at the earliest.
 */
function FoundPage({ route, params }: Found) {
  const [Shown] = useState(() => route.loaded() ?? route.page)
  return <Shown params={params} />
}

function NoSuchPage() {
  return (
    <Page title={text.shell.notFound.title}>
      <p>
        <ButtonLink to={paths.overview()}>{text.shell.notFound.back}</ButtonLink>
      </p>
    </Page>
  )
}
