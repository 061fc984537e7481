/** Makes the feed client of a real page: this host's socket, its clock, its timers. */
import { checkSession } from '../session/session.ts'
import { FeedClient, type FeedSocket } from './feed-client.ts'

/** `ws://host/feed`, or `wss:` behind TLS, with `?since=` when resuming. */
export function feedAddress(page: { protocol: string; host: string }, since: number | null): string {
  const scheme = page.protocol === 'https:' ? 'wss:' : 'ws:'
  return `${scheme}//${page.host}/feed${since === null ? '' : `?since=${since}`}`
}

export function createPageFeed(): FeedClient {
  return new FeedClient({
    open: (since) => openSocket(feedAddress(window.location, since)),
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

function openSocket(address: string): FeedSocket {
  const socket = new WebSocket(address)
  const handle: FeedSocket = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send: (text) => socket.send(text),
    close: () => socket.close(),
  }
  socket.onopen = () => handle.onopen?.()
  socket.onmessage = (event) => handle.onmessage?.({ data: event.data })
  socket.onclose = (event) => handle.onclose?.({ code: event.code })
  return handle
}
