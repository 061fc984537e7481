/** Draws the page; what it asks first is under way by then (`begin.ts`). */
import { begun } from './begin.ts'
import './styles/index.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app.tsx'
import { createPageFeed } from './feed/open-feed.ts'
import { awaitDrawable } from './first-drawing.ts'
import { findRoute } from './routes.ts'
import { text } from './text/text.ts'
import { applyStoredTheme } from './theme.ts'

// The page's code comes meanwhile; what goes wrong with it is said where it is drawn.
const code = findRoute(window.location.pathname)?.route.load()
const drawable = awaitDrawable(begun, code)
document.documentElement.lang = text.locale
applyStoredTheme()

const root = document.getElementById('app')
if (!root) throw new Error('index.html has no element "app"; build the dashboard again')
createRoot(root).render(
  <StrictMode>
    <App begun={drawable} createFeed={createPageFeed} />
  </StrictMode>,
)
