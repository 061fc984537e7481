/** The whole page: sign-in or shell, the one feed client, routes below `/dashboard`. */
import { useCallback, useEffect, useState, useSyncExternalStore } from 'react'
import type { FeedClient } from './feed/feed-client.ts'
import { FeedProvider } from './feed/use-feed.tsx'
import { SignInPage } from './pages/sign-in/sign-in-page.tsx'
import { Announcer } from './parts/announcer.tsx'
import { ConfigBanner, ConnectionBanner } from './parts/banners.tsx'
import { ErrorBoundary } from './parts/error-boundary.tsx'
import { Header } from './parts/header.tsx'
import { HelpDialog } from './parts/help-dialog.tsx'
import { ToastProvider } from './parts/toasts.tsx'
import { useKeys } from './parts/use-keys.ts'
import { findRoute, HOME, redirectOf } from './routes.ts'
import { useSession } from './session/use-session.ts'
import { text } from './text/text.ts'
import { nextTheme, useTheme } from './theme.ts'

interface Props {
  /** The one-time token of the address, already removed from it. */
  readonly token: string | null
  createFeed(): FeedClient
}

export function App({ token, createFeed }: Props) {
  const { session, enter, expire, leave } = useSession(token)
  if (session.state === 'checking') return <p className="only-heard">{text.signIn.checking}</p>
  if (session.state === 'signed-out') return <SignInPage failure={session.failure} onSignedIn={enter} />
  return <SignedIn createFeed={createFeed} onExpired={expire} onSignOut={leave} />
}

interface SignedInProps extends Pick<Props, 'createFeed'> {
  onExpired(): void
  onSignOut(): Promise<void>
}

function SignedIn({ createFeed, onExpired, onSignOut }: SignedInProps) {
  const [client] = useState(createFeed)
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
  return (
    <FeedProvider client={client}>
      <ToastProvider>
        <Shell onSignOut={() => void onSignOut()} />
      </ToastProvider>
    </FeedProvider>
  )
}

function Shell({ onSignOut }: { onSignOut: () => void }) {
  const [isHelpOpen, setHelpOpen] = useState(false)
  const [theme, setTheme] = useTheme()
  const closeHelp = useCallback(() => setHelpOpen(false), [])
  useKeys({ '?': () => setHelpOpen(true), t: () => setTheme(nextTheme(theme)) })
  return (
    <>
      <a className="skip" href="#workers">
        {text.shell.skip}
      </a>
      <Header onHelp={() => setHelpOpen(true)} onSignOut={onSignOut} />
      <ConnectionBanner />
      <ConfigBanner />
      <main className="page">
        <ErrorBoundary>
          <CurrentPage />
        </ErrorBoundary>
      </main>
      <Announcer />
      {isHelpOpen && <HelpDialog onClose={closeHelp} />}
    </>
  )
}

function CurrentPage() {
  const pathname = window.location.pathname
  const redirect = redirectOf(pathname)
  useEffect(() => {
    if (redirect) window.history.replaceState(null, '', redirect + window.location.search)
  }, [redirect])
  const route = findRoute(redirect ?? pathname)
  if (route) return <route.page />
  return (
    <section className="notice">
      <h1>{text.notFound.title}</h1>
      <a href={HOME}>{text.notFound.back}</a>
    </section>
  )
}
