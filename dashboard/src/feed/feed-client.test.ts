import { describe, expect, test, vi } from 'vitest'
import { createFakeFeed, type FakeFeed } from '../testing/fake-feed.ts'
import { changesMessage, sampleLine, snapshotMessage } from '../testing/samples.ts'
import { SIGNED_OUT_CODE, SILENCE_MS } from './feed-client.ts'
import { atNextFrame } from './open-feed.ts'
import { feedAddress } from './page-socket.ts'

function startLive(feed: FakeFeed, seq = 1): void {
  feed.client.start()
  feed.socket().open()
  feed.socket().say(snapshotMessage(seq))
}

const phaseOf = (feed: FakeFeed) => feed.client.getView().link.phase

test('the address is this host’s, over TLS where the page is', () => {
  expect(feedAddress({ protocol: 'http:', host: 'berth:4000' }, null)).toBe('ws://berth:4000/feed')
  expect(feedAddress({ protocol: 'https:', host: 'berth' }, 12)).toBe('wss://berth/feed?since=12')
})

test('the first connection asks for a snapshot and is live with it', () => {
  const feed = createFakeFeed()
  feed.client.start()
  expect(feed.socket().since).toBeNull()
  feed.socket().open()
  expect(phaseOf(feed)).toBe('connecting')
  feed.socket().say(snapshotMessage(1))
  expect(phaseOf(feed)).toBe('live')
  feed.client.stop()
})

test('paused, what is drawn stands still but for the link, and resuming shows what has come', () => {
  const feed = createFakeFeed()
  const shown = () => feed.client.getShown().feed.queue?.waiting
  feed.client.start()
  feed.client.pause()
  expect(feed.client.getPausedAtMs()).toBeNull()
  feed.socket().open()
  feed.socket().say(snapshotMessage(1))
  feed.client.pause()
  const pausedAtMs = feed.client.getPausedAtMs()
  feed.advance(1_000)
  feed.socket().say(changesMessage(2, { queue: { waiting: 3, running: 0 } }))
  expect([shown(), feed.client.getView().feed.queue?.waiting]).toEqual([0, 3])
  feed.client.pause()
  expect(feed.client.getPausedAtMs()).toBe(pausedAtMs)
  feed.socket().end()
  expect(feed.client.getShown().link.phase).toBe('waiting')
  expect(shown()).toBe(0)
  feed.client.resume()
  expect([shown(), feed.client.getPausedAtMs()]).toEqual([3, null])
  feed.client.stop()
})

test('changes that come before the page can be drawn are known at once and told of once, with what cannot wait', () => {
  const draws: (() => void)[] = []
  const feed = createFakeFeed(1, (callback) => draws.push(callback))
  let told = 0
  startLive(feed)
  feed.client.subscribe(() => told++)
  expect(draws).toEqual([])
  for (const seq of [2, 3]) feed.socket().say(changesMessage(seq, { queue: { waiting: seq, running: 0 } }))
  expect(feed.client.getShown().feed.queue?.waiting).toBe(3)
  expect([told, draws.length]).toEqual([0, 1])
  draws[0]?.()
  expect(told).toBe(1)
  feed.socket().say(changesMessage(4, {}))
  feed.socket().end()
  expect([told, draws.length]).toEqual([2, 2])
  draws[1]?.()
  expect(told).toBe(2)
  feed.client.stop()
})

test('a page that draws no frames is told all the same, and once', () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  const request = vi.spyOn(window, 'requestAnimationFrame').mockReturnValue(1)
  let told = 0
  atNextFrame(() => told++)
  expect(told).toBe(0)
  vi.advanceTimersByTime(250)
  expect(told).toBe(1)
  request.mock.calls[0]?.[0](0)
  expect(told).toBe(1)
  vi.useRealTimers()
})

test('a lost connection is resumed from the last message, after a jittered delay', () => {
  const feed = createFakeFeed(0)
  startLive(feed)
  feed.socket().say(changesMessage(2, {}))
  feed.socket().end()
  expect(phaseOf(feed)).toBe('waiting')
  feed.advance(249)
  expect(feed.sockets).toHaveLength(1)
  feed.advance(1)
  expect(feed.sockets).toHaveLength(2)
  expect(feed.socket().since).toBe(2)
  feed.socket().open()
  feed.socket().say(changesMessage(9, { queue: { waiting: 3, running: 0 } }))
  expect(phaseOf(feed)).toBe('live')
  expect(feed.client.getView().feed.queue?.waiting).toBe(3)
  feed.client.stop()
})

test('delays double up to ten seconds and begin again after a message', () => {
  const feed = createFakeFeed()
  startLive(feed)
  const delays: number[] = []
  for (let i = 0; i < 7; i++) {
    feed.socket().open()
    feed.socket().end()
    const { link } = feed.client.getView()
    if (link.phase !== 'waiting') throw new Error('should wait')
    const before = feed.sockets.length
    let waited = 0
    while (feed.sockets.length === before) {
      feed.advance(500)
      waited += 500
    }
    delays.push(waited)
  }
  expect(delays).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000])
  feed.socket().open()
  feed.socket().say(changesMessage(2, {}))
  feed.socket().end()
  feed.advance(500)
  expect(feed.sockets).toHaveLength(9)
  feed.client.stop()
})

test('retryNow ends the wait, and only then', () => {
  const feed = createFakeFeed()
  startLive(feed)
  feed.client.retryNow()
  expect(feed.sockets).toHaveLength(1)
  feed.socket().end()
  feed.client.retryNow()
  expect(feed.sockets).toHaveLength(2)
  feed.advance(499)
  feed.advance(1)
  expect(feed.sockets).toHaveLength(2)
  feed.client.stop()
})

describe('a new snapshot', () => {
  test('is asked for after a gap', () => {
    const feed = createFakeFeed()
    startLive(feed)
    const first = feed.socket()
    first.say(changesMessage(3, {}))
    expect(first.isClosed).toBe(true)
    feed.advance(500)
    expect(feed.socket().since).toBeNull()
    feed.client.stop()
  })

  test.each([['half a messa'], ['{"seq":2}'], ['null']])('is asked for after %s, which is said', (data) => {
    const feed = createFakeFeed()
    startLive(feed)
    feed.socket().onmessage?.({ data })
    const { link } = feed.client.getView()
    expect(link).toMatchObject({ phase: 'waiting', reason: 'unreadable' })
    feed.advance(500)
    expect(feed.socket().since).toBeNull()
    feed.client.stop()
  })
})

test('a socket that has fallen silent is left', () => {
  const feed = createFakeFeed()
  startLive(feed)
  feed.advance(SILENCE_MS - 1)
  expect(phaseOf(feed)).toBe('live')
  feed.socket().say(changesMessage(2, {}))
  feed.advance(SILENCE_MS - 1)
  expect(phaseOf(feed)).toBe('live')
  feed.advance(1)
  expect(phaseOf(feed)).toBe('waiting')
  expect(feed.socket().isClosed).toBe(true)
  feed.client.stop()
})

describe('the end of the session', () => {
  test('is close code 4401, after which nothing is tried', () => {
    const feed = createFakeFeed()
    startLive(feed)
    feed.socket().end(SIGNED_OUT_CODE)
    expect(phaseOf(feed)).toBe('signed-out')
    feed.advance(60_000)
    expect(feed.sockets).toHaveLength(1)
  })

  test('is found out by GET /me when the upgrade is refused', async () => {
    const feed = createFakeFeed()
    feed.answerSession('signed-out')
    feed.client.start()
    feed.socket().end()
    await expect.poll(() => phaseOf(feed)).toBe('signed-out')
    feed.advance(60_000)
    expect(feed.sockets).toHaveLength(1)
  })

  test('is not concluded from a balancer that is away', async () => {
    const feed = createFakeFeed()
    feed.answerSession('unreachable')
    feed.client.start()
    feed.socket().end()
    await Promise.resolve()
    expect(phaseOf(feed)).toBe('waiting')
    feed.client.stop()
  })
})

describe('watching', () => {
  const watched = (feed: FakeFeed): unknown => JSON.parse(feed.socket().sent.at(-1) ?? 'null')

  test('is sent when the socket opens, when it changes, and again after a reconnect', () => {
    const feed = createFakeFeed()
    startLive(feed)
    expect(watched(feed)).toEqual({ watch: ['workers'] })
    const release = feed.client.watch('logs:worker-1')
    expect(watched(feed)).toEqual({ watch: ['workers', 'logs:worker-1'] })
    feed.socket().end()
    feed.advance(500)
    feed.socket().open()
    expect(watched(feed)).toEqual({ watch: ['workers', 'logs:worker-1'] })
    release?.()
    expect(watched(feed)).toEqual({ watch: ['workers'] })
    feed.client.stop()
  })

  test('of one source by two ends with the second, and drops its lines', () => {
    const feed = createFakeFeed()
    startLive(feed)
    const one = feed.client.watch('logs')
    const two = feed.client.watch('logs')
    feed.socket().say(changesMessage(2, { logs: { logs: { lines: [sampleLine('a')], dropped: 0 } } }))
    one?.()
    one?.()
    expect(feed.client.getView().feed.logs.has('logs')).toBe(true)
    two?.()
    expect(feed.client.getView().feed.logs.has('logs')).toBe(false)
    feed.client.stop()
  })

  test('more than the protocol allows is refused', () => {
    const feed = createFakeFeed()
    for (let i = 0; i < 31; i++) expect(feed.client.watch(`logs:${i}`)).not.toBeNull()
    expect(feed.client.watch('logs:31')).toBeNull()
    expect(feed.client.watch('logs:30')).not.toBeNull()
  })
})

test('stop closes the socket and tries nothing more', () => {
  const feed = createFakeFeed()
  startLive(feed)
  feed.client.stop()
  expect(feed.socket().isClosed).toBe(true)
  feed.advance(120_000)
  expect(feed.sockets).toHaveLength(1)
})
