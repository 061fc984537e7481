/**
 * Owns the page's one WebSocket: opens it, checks every message once, feeds the reducer, resumes
 * after a break, and gives up only when the session has ended. Components read it through
 * `use-feed.tsx`; nothing else on the page talks to `/feed`.
 *
 *   connecting ──first message──▶ live ──closed, gap, silence──▶ waiting ──timer, retryNow──▶ connecting
 *        any ──4401, or 401 of GET /me after a refused upgrade──▶ signed-out
 */
import { readMessage } from './read-message.ts'
import { type FeedEvent, type FeedState, initialFeedState, reduceFeed } from './reducer.ts'

export const SIGNED_OUT_CODE = 4401
/** The server sends at least a point a second; a socket silent for this long is dead. */
export const SILENCE_MS = 20_000
const BASE_DELAY_MS = 500
const MAX_DELAY_MS = 10_000
/** Sources one page may watch; the protocol allows 32 with `workers`. */
const MAX_WATCHED_LOGS = 31

/** The part of WebSocket that is used. */
export interface FeedSocket {
  onopen: (() => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number }) => void) | null
  send(text: string): void
  close(): void
}

export type SessionCheck = 'signed-in' | 'signed-out' | 'unreachable'

export interface FeedClientOptions {
  /** Opens a socket; `since` is the last message that was applied. */
  open(since: number | null): FeedSocket
  /** Asks `GET /me`: a refused upgrade does not tell the page why. */
  checkSession(): Promise<SessionCheck>
  nowMs(): number
  /** 0 … 1. */
  random(): number
  /** Calls back once after `delayMs`; the answer cancels. */
  startTimer(callback: () => void, delayMs: number): () => void
  /** Calls back once when changes may be drawn; at once unless given. What comes until then is drawn together. */
  whenDrawn?(callback: () => void): void
}

export type FeedLink =
  | { readonly phase: 'connecting' }
  | { readonly phase: 'live' }
  /** `unreadable`: the last message made no sense, as after an update of the balancer. */
  | { readonly phase: 'waiting'; readonly retryAtMs: number; readonly reason: 'lost' | 'unreadable' }
  | { readonly phase: 'signed-out' }

export interface FeedView {
  readonly link: FeedLink
  readonly feed: FeedState
}

export class FeedClient {
  readonly #options: FeedClientOptions
  readonly #listeners = new Set<() => void>()
  readonly #watchers = new Map<string, number>()
  #view: FeedView = { link: { phase: 'connecting' }, feed: initialFeedState }
  #socket: FeedSocket | null = null
  #isRunning = false
  #isOpen = false
  #wantsSnapshot = false
  #failures = 0
  /** What the page shows while it is paused: the state of that moment. */
  #paused: { readonly feed: FeedState; readonly atMs: number } | null = null
  #shown: FeedView = this.#view
  /** Listeners are to be told. */
  #isDue = false
  #cancelRetry = () => {}
  #cancelWatchdog = () => {}

  constructor(options: FeedClientOptions) {
    this.#options = options
  }

  /** Begins; a second call while running does nothing. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#connect()
  }

  stop(): void {
    this.#isRunning = false
    this.#cancelRetry()
    this.#dropSocket()
  }

  /** The truth, paused or not. */
  getView = (): FeedView => this.#view

  /** What the page draws: while paused the feed as it was, with the link as it is. */
  getShown = (): FeedView => this.#shown

  getPausedAtMs = (): number | null => this.#paused?.atMs ?? null

  /** Holds what the page draws, once there is something; the feed goes on behind it. */
  pause = (): void => {
    if (this.#paused || this.#view.feed.seq === null) return
    this.#paused = { feed: this.#view.feed, atMs: this.serverNowMs() }
    this.#publish(this.#view)
  }

  resume = (): void => {
    if (!this.#paused) return
    this.#paused = null
    this.#publish(this.#view)
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The server's wall clock now, as far as the last message tells. */
  serverNowMs = (): number => this.#options.nowMs() + this.#view.feed.clockOffsetMs

  /** Whole seconds until the next attempt; null when none is awaited. */
  secondsToRetry = (): number | null => {
    const { link } = this.#view
    if (link.phase !== 'waiting') return null
    return Math.max(0, Math.ceil((link.retryAtMs - this.#options.nowMs()) / 1_000))
  }

  /** Follows a log source until the answer is called; null when too many are followed already. */
  watch(source: string): (() => void) | null {
    const count = this.#watchers.get(source) ?? 0
    if (count === 0 && this.#watchers.size >= MAX_WATCHED_LOGS) return null
    this.#watchers.set(source, count + 1)
    if (count === 0) this.#sendWatch()
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      this.#release(source)
    }
  }

  /** Ends the wait between two attempts. */
  retryNow = (): void => {
    if (this.#view.link.phase !== 'waiting') return
    this.#cancelRetry()
    this.#connect()
  }

  #release(source: string): void {
    const left = (this.#watchers.get(source) ?? 1) - 1
    if (left > 0) {
      this.#watchers.set(source, left)
      return
    }
    this.#watchers.delete(source)
    this.#apply({ type: 'watching', sources: [...this.#watchers.keys()] })
    this.#sendWatch()
  }

  #connect(): void {
    this.#show({ phase: 'connecting' })
    this.#isOpen = false
    const since = this.#wantsSnapshot ? null : this.#view.feed.seq
    this.#wantsSnapshot = false
    this.#apply({ type: 'opened', resuming: since !== null })
    const socket = this.#options.open(since)
    this.#socket = socket
    this.#watchSilence()
    socket.onopen = () => {
      this.#isOpen = true
      this.#sendWatch()
    }
    socket.onmessage = (event) => this.#receive(event.data)
    socket.onclose = (event) => this.#closed(event.code)
  }

  #receive(data: unknown): void {
    const message = readMessage(data)
    if (!message) {
      this.#reconnect('unreadable', true)
      return
    }
    this.#watchSilence()
    this.#apply({ type: 'message', message, nowMs: this.#options.nowMs() })
    if (this.#view.feed.step === 'gap') {
      this.#reconnect('lost', true)
      return
    }
    this.#failures = 0
    if (this.#view.link.phase !== 'live') this.#show({ phase: 'live' })
  }

  #closed(code: number): void {
    const wasOpen = this.#isOpen
    this.#dropSocket()
    if (code === SIGNED_OUT_CODE) {
      this.#endSession()
      return
    }
    this.#reconnect('lost', false)
    if (!wasOpen) void this.#askSession()
  }

  async #askSession(): Promise<void> {
    const answer = await this.#options.checkSession()
    if (this.#isRunning && answer === 'signed-out') this.#endSession()
  }

  #endSession(): void {
    this.stop()
    this.#show({ phase: 'signed-out' })
  }

  #reconnect(reason: 'lost' | 'unreadable', wantsSnapshot: boolean): void {
    this.#dropSocket()
    if (!this.#isRunning) return
    this.#wantsSnapshot = this.#wantsSnapshot || wantsSnapshot
    const fullMs = Math.min(MAX_DELAY_MS, BASE_DELAY_MS * 2 ** this.#failures)
    const delayMs = fullMs * (0.5 + 0.5 * this.#options.random())
    this.#failures += 1
    this.#show({ phase: 'waiting', retryAtMs: this.#options.nowMs() + delayMs, reason })
    this.#cancelRetry = this.#options.startTimer(() => this.#connect(), delayMs)
  }

  #watchSilence(): void {
    this.#cancelWatchdog()
    this.#cancelWatchdog = this.#options.startTimer(() => this.#reconnect('lost', false), SILENCE_MS)
  }

  #sendWatch(): void {
    if (!this.#isOpen) return
    this.#socket?.send(JSON.stringify({ watch: ['workers', ...this.#watchers.keys()] }))
  }

  #dropSocket(): void {
    this.#cancelWatchdog()
    const socket = this.#socket
    this.#socket = null
    this.#isOpen = false
    if (!socket) return
    socket.onopen = null
    socket.onmessage = null
    socket.onclose = null
    socket.close()
  }

  #apply(event: FeedEvent): void {
    const isChange = event.type === 'message' && 'changes' in event.message
    this.#publish({ ...this.#view, feed: reduceFeed(this.#view.feed, event) }, isChange)
  }

  #show(link: FeedLink): void {
    this.#publish({ ...this.#view, link })
  }

  /** A first word, a link that is lost and a press of pause are drawn at once. */
  #publish(view: FeedView, mayWait = false): void {
    this.#view = view
    if (!this.#paused) this.#shown = view
    else if (this.#shown.link !== view.link) this.#shown = { link: view.link, feed: this.#paused.feed }
    const { whenDrawn } = this.#options
    if (!mayWait || whenDrawn === undefined) return this.#tell()
    if (this.#isDue) return
    this.#isDue = true
    whenDrawn(() => {
      if (this.#isDue) this.#tell()
    })
  }

  #tell(): void {
    this.#isDue = false
    for (const listener of this.#listeners) listener()
  }
}
