/** Draws the page; what it asks first is under way by then, its own code too (`begin.ts`). */
import './zod-settings.ts'
import './styles/index.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { begun } from './begin.ts'
import { createPageFeed } from './feed/open-feed.ts'
import { awaitDrawable } from './first-drawing.ts'
import { findRoute } from './routes.ts'
import { startFeed } from './session/begin-session.ts'
import { text } from './text/text.ts'
import { applyStoredTheme } from './theme.ts'

// The page's code comes meanwhile; what goes wrong with it is said where it is drawn.
const code = findRoute(window.location.pathname)?.route.load()
const heard = begun.then((answer) =>
  answer.isSignedIn ? { ...answer, feed: startFeed(createPageFeed(answer.feed)) } : answer,
)
const drawable = awaitDrawable(heard, code)
document.documentElement.lang = text.locale
applyStoredTheme()

const root = document.getElementById('app')
if (!root) throw new Error('index.html has no element "app"; build the dashboard again')
createRoot(root).render(
  <StrictMode>
    <App begun={drawable} createFeed={() => createPageFeed()} renew={() => window.location.reload()} />
  </StrictMode>,
)
