/**
 * The WebSocket of a real page, and one that is opened before there is anybody to hear it: what it says is held until
 * it is handed over. Called by `begin.ts` before the page's code is there, and by `open-feed.ts`.
 * Invariants: nothing of the protocol's schemas is needed here; a held socket that nobody takes is closed.
 */
import type { FeedSocket } from './feed-client.ts'

/** `ws://host/feed`, or `wss:` behind TLS, with `?since=` when resuming. */
export function feedAddress(page: { protocol: string; host: string }, since: number | null): string {
  const scheme = page.protocol === 'https:' ? 'wss:' : 'ws:'
  return `${scheme}//${page.host}/feed${since === null ? '' : `?since=${since}`}`
}

export function openSocket(address: string): FeedSocket {
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

/** Messages that are held: ten seconds of a feed. */
const MOST_HELD = 40

export interface HeldSocket {
  /** The socket, to be given its handlers at once: what was held follows in a microtask, in order. */
  take(): FeedSocket
}

export function holdSocket(socket: FeedSocket): HeldSocket {
  const held: ((taken: FeedSocket) => void)[] = []
  const hold = (event: (taken: FeedSocket) => void) => {
    if (held.push(event) > MOST_HELD) socket.close()
  }
  socket.onopen = () => hold(({ onopen }) => onopen?.())
  socket.onmessage = (event) => hold(({ onmessage }) => onmessage?.(event))
  socket.onclose = (event) => hold(({ onclose }) => onclose?.(event))
  return {
    take() {
      socket.onopen = null
      socket.onmessage = null
      socket.onclose = null
      queueMicrotask(() => {
        for (const tell of held.splice(0)) tell(socket)
      })
      return socket
    },
  }
}
