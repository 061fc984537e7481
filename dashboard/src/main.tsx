/** Starts the page. The token leaves the address before anything is drawn or asked. */
import './zod-settings.ts'
import './styles/index.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { createPageFeed } from './feed/open-feed.ts'
import { findRoute } from './routes.ts'
import { takeToken } from './session/session.ts'
import { text } from './text/text.ts'
import { applyStoredTheme } from './theme.ts'

// The page's code comes while the session is asked for; what goes wrong with it is said where it is drawn.
findRoute(window.location.pathname)
  ?.route.load()
  .catch(() => undefined)
const token = takeToken(window.location, window.history)
document.documentElement.lang = text.locale
applyStoredTheme()

const root = document.getElementById('app')
if (!root) throw new Error('index.html has no element "app"; build the dashboard again')
createRoot(root).render(
  <StrictMode>
    <App token={token} createFeed={createPageFeed} />
  </StrictMode>,
)
