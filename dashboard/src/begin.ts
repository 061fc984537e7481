/** The first module of the page: the token leaves the address before anything is drawn or asked. */
import './zod-settings.ts'
import { createPageFeed } from './feed/open-feed.ts'
import { beginSession } from './session/begin-session.ts'
import { takeToken } from './session/session.ts'

export const begun = beginSession(takeToken(window.location, window.history), createPageFeed)
