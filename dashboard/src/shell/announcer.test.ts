import { expect, test } from 'vitest'
import type { FeedView } from '../feed/feed-client.ts'
import { initialFeedState } from '../feed/reducer.ts'
import { sampleWorker } from '../testing/samples.ts'
import { describeChanges, gather } from './announcer.tsx'

const view = (workers: ReturnType<typeof sampleWorker>[], phase: 'live' | 'lost' = 'live'): FeedView => ({
  link: phase === 'live' ? { phase } : { phase: 'waiting', retryAtMs: 0, reason: 'lost' },
  feed: { ...initialFeedState, seq: 1, workers: new Map(workers.map((worker) => [worker.id, worker])) },
})
const calm = view([sampleWorker('w')])

test('says what has changed its state, what came and what went', () => {
  expect(describeChanges(calm, view([sampleWorker('w', { status: 'unreachable' })]))).toEqual([
    'w is unreachable.',
  ])
  expect(describeChanges(calm, view([sampleWorker('w'), sampleWorker('x')]))).toEqual(['x is ready.'])
  expect(describeChanges(calm, view([]))).toEqual(['w has left the fleet.'])
})

test('keeps quiet about slots and about a worker that fills and empties', () => {
  const full = view([sampleWorker('w', { status: 'saturated', latencyMs: 9 })])
  expect(describeChanges(calm, full)).toEqual([])
  expect(describeChanges(full, calm)).toEqual([])
})

test('says when the connection goes and comes', () => {
  const lost = view([sampleWorker('w')], 'lost')
  expect(describeChanges(calm, lost)).toEqual(['Connection to the balancer lost.'])
  expect(describeChanges(lost, calm)).toEqual(['Connected again.'])
})

test('many changes become one number', () => {
  expect(gather(['a.', 'b.'])).toBe('a. b.')
  expect(gather(['a.', 'b.', 'c.'])).toBe('3 workers changed.')
})
