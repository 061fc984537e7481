/**
 * Twenty minutes of a tab in two: frames of the feed are recorded from a fleet at work for half a minute, then
 * played to the page in a loop as fast as it takes them, each a quarter of a second further in its own time. Used by
 * the scenario `dashboard` to see what a page holds after a long time.
 * Invariant: sequence numbers and instants of the chart go on without a gap, as those of a balancer do.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { FeedChanges, FeedMessage } from '@berth/protocol'
import type { WebSocketRoute } from 'playwright-core'
import { WebSocket } from 'ws'
import { KEY } from '../peers/berth.ts'
import type { Tab } from './tab.ts'

const FRAME_MS = 250
/** Frames that are under way before the page has drawn. */
const AHEAD = 8

/** A snapshot and what follows it. */
export async function record(url: string, words: readonly string[], seconds: number): Promise<FeedMessage[]> {
  const frames: FeedMessage[] = []
  const socket = new WebSocket(`${url.replace('http', 'ws')}/feed`, {
    headers: { authorization: `Bearer ${KEY}` },
    perMessageDeflate: false,
  })
  socket.on('open', () => socket.send(JSON.stringify({ watch: words })))
  socket.on('message', (data: Buffer) => frames.push(JSON.parse(String(data)) as FeedMessage))
  await new Promise((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  await sleep(seconds * 1_000)
  socket.terminate()
  return frames
}

interface Length {
  /** Played before the first look, which is taken behind it. */
  readonly warmUpMinutes: number
  readonly minutes: number
  /** Equally far apart, the last one at the end. */
  readonly looks: number
}

export interface Held {
  /** Heap in bytes at the first look and at each that followed, garbage collected. */
  readonly heapBytes: readonly number[]
  readonly frames: number
}

/** Plays so many simulated minutes to a page, and looks at its heap behind the warm-up and so often after it. */
export async function play(
  tab: Tab,
  path: string,
  recorded: readonly FeedMessage[],
  { warmUpMinutes, minutes, looks }: Length,
): Promise<Held> {
  const opened = Promise.withResolvers<WebSocketRoute>()
  await tab.page.routeWebSocket(/\/feed/, (socket) => opened.resolve(socket))
  await tab.go(path)
  const socket = await opened.promise
  const [first, ...rest] = recorded
  if (first === undefined || rest.length === 0) throw new Error('nothing was recorded')
  const renumbered = renumber(first.at)
  socket.send(renumbered(first))
  const heapBytes: number[] = []
  let frames = 0
  for (let look = 0; look <= looks; look++) {
    const played = look === 0 ? warmUpMinutes : minutes / looks
    const end = frames + Math.round((played * 60_000) / FRAME_MS)
    for (; frames < end; frames++) {
      socket.send(renumbered(rest[frames % rest.length] as FeedMessage))
      if (frames % AHEAD === 0) await tab.page.evaluate('new Promise(requestAnimationFrame)')
    }
    heapBytes.push(await tab.heapBytes())
  }
  return { heapBytes, frames }
}

function renumber(startAt: string): (frame: FeedMessage) => string {
  const startMs = Date.parse(startAt)
  let count = 0
  return (frame) => {
    const atMs = startMs + count * FRAME_MS
    const body = 'snapshot' in frame ? { snapshot: frame.snapshot } : { changes: moveTo(frame.changes, atMs) }
    return JSON.stringify({ seq: 1_000 + count++, at: new Date(atMs).toISOString(), ...body })
  }
}

function moveTo(changes: FeedChanges, atMs: number): FeedChanges {
  const { points, ...rest } = changes
  if (points === undefined) return rest
  return { ...rest, points: points.map((point) => ({ ...point, t: Math.floor(atMs / 1_000) })) }
}
