/**
 * The first module of the page, small, so that it runs while the others are on their way: the token leaves the
 * address before anything is drawn or asked, then session, feed, words and the page's code are asked for at once.
 * Invariant: nothing is imported here that the first question has to wait for.
 */
import { feedAddress, holdSocket, openSocket } from './feed/page-socket.ts'
import { findPage } from './page-code.ts'
import { beginSession } from './session/begin-session.ts'
import { takeToken } from './session/session.ts'
import { loadMessages } from './text/load-messages.ts'

export const begun = beginSession(takeToken(window.location, window.history), () =>
  holdSocket(openSocket(feedAddress(window.location, null))),
)

void import('./main.tsx')
// What goes wrong with these is said where they are needed.
loadMessages(navigator.language).catch(() => undefined)
findPage(window.location.pathname)
  ?.entry.page.fetch()
  .catch(() => undefined)
