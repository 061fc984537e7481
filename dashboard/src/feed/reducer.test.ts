import type { FeedMessage } from '@berth/protocol'
import { describe, expect, test } from 'vitest'
import {
  changesMessage,
  START_MS,
  sampleLine,
  samplePoint,
  sampleWorker,
  snapshotMessage,
} from '../testing/samples.ts'
import { type FeedState, initialFeedState, POINTS_KEPT, reduceFeed } from './reducer.ts'

function apply(state: FeedState, ...messages: FeedMessage[]): FeedState {
  return messages.reduce(
    (one, message) => reduceFeed(one, { type: 'message', message, nowMs: START_MS }),
    state,
  )
}

const begun = apply(initialFeedState, snapshotMessage(7))

describe('snapshot', () => {
  test('fills everything and sets the sequence', () => {
    expect(begun.step).toBe('in-step')
    expect(begun.seq).toBe(7)
    expect([...begun.workers.keys()]).toEqual(['worker-1', 'worker-2'])
    expect(begun.queue).toEqual({ waiting: 0, running: 0 })
  })

  test('replaces workers that a former one had', () => {
    const next = apply(begun, snapshotMessage(1, { workers: [sampleWorker('other')] }))
    expect([...next.workers.keys()]).toEqual(['other'])
    expect(next.seq).toBe(1)
  })

  test('of a long fleet says how many are to come, and each message after it how many are left', () => {
    const long = apply(begun, snapshotMessage(8, { toCome: 1_200 }))
    expect(long.toCome).toBe(1_200)
    const more = apply(long, changesMessage(9, { toCome: 200 }))
    expect(more.toCome).toBe(200)
    expect(apply(more, changesMessage(10, {})).toCome).toBe(0)
    expect(apply(more, snapshotMessage(11)).toCome).toBe(0)
  })

  test('tells how far the server’s clock is ahead, and keeps it steady for small differences', () => {
    const behind = reduceFeed(initialFeedState, {
      type: 'message',
      message: snapshotMessage(1),
      nowMs: START_MS - 5_000,
    })
    expect(behind.clockOffsetMs).toBe(5_000)
    const steady = reduceFeed(behind, {
      type: 'message',
      message: changesMessage(2, {}),
      nowMs: START_MS - 4_900,
    })
    expect(steady.clockOffsetMs).toBe(5_000)
    const moved = reduceFeed(steady, {
      type: 'message',
      message: changesMessage(3, {}),
      nowMs: START_MS - 1_000,
    })
    expect(moved.clockOffsetMs).toBe(1_000)
  })
})

describe('changes', () => {
  test('merge members of a known worker and leave the others', () => {
    const slots = { limit: 8, used: 8, stuck: 0, available: 0, queue: 2 }
    const next = apply(begun, changesMessage(8, { workers: { 'worker-1': { slots, status: 'saturated' } } }))
    expect(next.workers.get('worker-1')).toEqual(sampleWorker('worker-1', { slots, status: 'saturated' }))
    expect(next.workers.get('worker-2')).toBe(begun.workers.get('worker-2'))
    expect(begun.workers.get('worker-1')?.status).toBe('ready')
  })

  test('null removes, a whole worker joins, a part of an unknown one is left out', () => {
    const next = apply(
      begun,
      changesMessage(8, {
        workers: { 'worker-1': null, 'worker-3': sampleWorker('worker-3'), ghost: { status: 'ready' } },
      }),
    )
    expect([...next.workers.keys()]).toEqual(['worker-2', 'worker-3'])
  })

  test('a member that becomes unknown becomes null', () => {
    const next = apply(begun, changesMessage(8, { workers: { 'worker-1': { slots: null } } }))
    expect(next.workers.get('worker-1')?.slots).toBeNull()
  })

  test('what they do not mention stays the same object', () => {
    const next = apply(begun, changesMessage(8, { queue: { waiting: 4, running: 1 } }))
    expect(next.queue?.waiting).toBe(4)
    expect(next.workers).toBe(begun.workers)
    expect(next.points).toBe(begun.points)
  })

  test('a worker named like a member of Object is a worker', () => {
    const odd: unknown = JSON.parse(JSON.stringify({ constructor: sampleWorker('constructor') }))
    const next = apply(begun, changesMessage(8, { workers: odd as Record<string, never> }))
    expect(next.workers.has('constructor')).toBe(true)
  })
})

describe('sequence', () => {
  test('a missing message is a gap, and nothing is applied after it', () => {
    const gap = apply(begun, changesMessage(9, { queue: { waiting: 9, running: 9 } }))
    expect(gap.step).toBe('gap')
    expect(gap.queue?.waiting).toBe(0)
    const still = apply(gap, changesMessage(8, { queue: { waiting: 9, running: 9 } }))
    expect(still.queue?.waiting).toBe(0)
  })

  test('a message that comes twice is a gap', () => {
    expect(apply(begun, changesMessage(7, {})).step).toBe('gap')
  })

  test('changes before any snapshot are a gap', () => {
    expect(apply(initialFeedState, changesMessage(1, {})).step).toBe('gap')
  })

  test('after a resume one message may stand for many, then they follow one by one', () => {
    const resumed = reduceFeed(begun, { type: 'opened', resuming: true })
    const caughtUp = apply(resumed, changesMessage(40, { queue: { waiting: 5, running: 0 } }))
    expect(caughtUp.step).toBe('in-step')
    expect(caughtUp.seq).toBe(40)
    expect(apply(caughtUp, changesMessage(42, {})).step).toBe('gap')
    expect(apply(caughtUp, changesMessage(41, {})).step).toBe('in-step')
  })

  test('after a resume an older message is a gap', () => {
    const resumed = reduceFeed(begun, { type: 'opened', resuming: true })
    expect(apply(resumed, changesMessage(6, {})).step).toBe('gap')
  })

  test('a new snapshot ends a gap once the socket is open again', () => {
    const gap = apply(begun, changesMessage(9, {}))
    const opened = reduceFeed(gap, { type: 'opened', resuming: false })
    expect(apply(opened, snapshotMessage(1)).step).toBe('in-step')
  })
})

describe('points', () => {
  test('stay ordered by second, the last word on a second wins, only 15 minutes are kept', () => {
    const first = apply(begun, changesMessage(8, { points: [samplePoint(100), samplePoint(101)] }))
    const second = apply(first, changesMessage(9, { points: [samplePoint(101, { completed: 9 })] }))
    expect(second.points.map((point) => point.t)).toEqual([100, 101])
    expect(second.points[1]?.completed).toBe(9)
    const late = apply(second, changesMessage(10, { points: [samplePoint(100 + POINTS_KEPT)] }))
    expect(late.points.map((point) => point.t)).toEqual([101, 100 + POINTS_KEPT])
  })
})

describe('logs', () => {
  test('lines gather by source and go when nobody watches it', () => {
    const one = apply(begun, changesMessage(8, { logs: { logs: { lines: [sampleLine('a')], dropped: 0 } } }))
    const two = apply(
      one,
      changesMessage(9, { logs: { 'logs:w': { lines: [sampleLine('b')], dropped: 3 } } }),
    )
    expect(two.logs.get('logs')?.rows).toHaveLength(1)
    expect([...(two.logs.get('logs:w')?.rows ?? [])].map((row) => row.kind)).toEqual(['skipped', 'line'])
    const left = reduceFeed(two, { type: 'watching', sources: ['logs:w'] })
    expect([...left.logs.keys()]).toEqual(['logs:w'])
  })
})
