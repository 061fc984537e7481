/** A feed client without a network: sockets that a test opens, speaks through and closes by hand. */
import type { FeedMessage } from '@berth/protocol'
import {
  FeedClient,
  type FeedClientOptions,
  type FeedSocket,
  type SessionCheck,
} from '../feed/feed-client.ts'
import { START_MS } from './samples.ts'

export class FakeSocket implements FeedSocket {
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  readonly sent: string[] = []
  isClosed = false
  readonly since: number | null

  constructor(since: number | null) {
    this.since = since
  }

  send(text: string): void {
    this.sent.push(text)
  }

  close(): void {
    this.isClosed = true
  }

  open(): void {
    this.onopen?.()
  }

  say(message: FeedMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) })
  }

  end(code = 1006): void {
    this.onclose?.({ code })
  }
}

interface Timer {
  readonly atMs: number
  readonly callback: () => void
}

export interface FakeFeed {
  readonly client: FeedClient
  readonly sockets: FakeSocket[]
  /** The newest socket. */
  socket(): FakeSocket
  /** Moves the clock and fires what is due, in order. */
  advance(ms: number): void
  answerSession(answer: SessionCheck): void
}

/** `random` 1 gives the longest delays: 0.5, 1, 2 … 10 s. `whenDrawn` as the client has it. */
export function createFakeFeed(random = 1, whenDrawn?: FeedClientOptions['whenDrawn']): FakeFeed {
  const sockets: FakeSocket[] = []
  const timers = new Set<Timer>()
  let nowMs = START_MS
  let session: SessionCheck = 'signed-in'
  const client = new FeedClient({
    open: (since) => {
      const socket = new FakeSocket(since)
      sockets.push(socket)
      return socket
    },
    checkSession: () => Promise.resolve(session),
    nowMs: () => nowMs,
    random: () => random,
    startTimer: (callback, delayMs) => {
      const timer = { atMs: nowMs + delayMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    ...(whenDrawn ? { whenDrawn } : {}),
  })
  const advance = (ms: number) => {
    const untilMs = nowMs + ms
    for (;;) {
      const due = [...timers].filter((timer) => timer.atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0]
      if (!due) break
      timers.delete(due)
      nowMs = due.atMs
      due.callback()
    }
    nowMs = untilMs
  }
  const socket = () => {
    const last = sockets.at(-1)
    if (!last) throw new Error('no socket was opened; call client.start() first')
    return last
  }
  return { client, sockets, socket, advance, answerSession: (answer) => (session = answer) }
}
