/** Makes the feed client of a real page: this host's socket, its clock, its timers. */
import { checkSession } from '../session/session.ts'
import { FeedClient } from './feed-client.ts'
import { feedAddress, type HeldSocket, openSocket } from './page-socket.ts'

/** `first` is a socket that was opened ahead of it, without `since`. */
export function createPageFeed(first?: HeldSocket): FeedClient {
  let ahead = first
  return new FeedClient({
    open: (since) => {
      const taken = ahead?.take()
      ahead = undefined
      return taken ?? openSocket(feedAddress(window.location, since))
    },
    checkSession,
    nowMs: () => Date.now(),
    random: () => Math.random(),
    startTimer: (callback, delayMs) => {
      const timer = window.setTimeout(callback, delayMs)
      return () => window.clearTimeout(timer)
    },
    whenDrawn: atNextFrame,
  })
}

/** A page that nobody sees draws no frames, and has to know all the same. */
const UNSEEN_MS = 250

/** Reading a message and drawing it are two shorter pieces of work then, and what comes between two frames is drawn once. */
export function atNextFrame(callback: () => void): void {
  let isDone = false
  const run = () => {
    if (isDone) return
    isDone = true
    callback()
  }
  window.requestAnimationFrame(run)
  window.setTimeout(run, UNSEEN_MS)
}
