import { describe, expect, test } from 'vitest'
import { byOperator, START_AT, START_MS, samplePoint, sampleWorker } from '../../testing/samples.ts'
import { type AttentionInput, attentionOf, toneOfFailures } from './attention.ts'
import type { LaneView } from './lanes.ts'
import { verdictOf } from './overview-verdict.ts'
import { outcomesOf } from './recent.ts'

const lane = (changes: Partial<LaneView> = {}): LaneView => ({
  group: 'ocr',
  contract: 2,
  function: 'scan',
  waiting: 12,
  oldestAt: START_AT,
  capable: 0,
  free: 0,
  paused: null,
  ...changes,
})

function find(workers: ReturnType<typeof sampleWorker>[], changes: Partial<AttentionInput> = {}) {
  return attentionOf({
    workers: new Map(workers.map((worker) => [worker.id, worker])),
    config: { state: 'ok', since: START_AT, warnings: [] },
    lanes: [],
    failed: 0,
    finished: 100,
    nowMs: START_MS + 240_000,
    group: null,
    ...changes,
  })
}

const idsOf = (items: ReturnType<typeof find>) => items.map(({ id }) => id)

describe('what needs a hand', () => {
  test('is nothing while all is well, full or planned', () => {
    const busy = sampleWorker('a', { status: 'saturated' })
    const resting = sampleWorker('b', { status: 'maintenance', maintenance: byOperator })
    expect(find([sampleWorker('c'), busy, resting])).toEqual([])
  })

  test('work that nobody can take comes first, with how long and how much', () => {
    const [first, ...more] = find([sampleWorker('a', { status: 'unreachable', group: 'x' })], {
      lanes: [lane()],
    })
    expect(first).toMatchObject({
      tone: 'bad',
      sentence: 'scan of ocr@2 has no worker for 4 min.',
      detail: '12 tasks wait',
      href: '/queue?group=ocr',
    })
    expect(idsOf(more)).toEqual(['group x@1', 'worker a'])
  })

  test('a group without a ready worker is told once, not again for its lane', () => {
    const away = sampleWorker('a', { status: 'unreachable', group: 'ocr', contract: 2 })
    expect(idsOf(find([away], { lanes: [lane()] }))).toEqual(['lane scan of ocr@2', 'worker a'])
    expect(idsOf(find([away]))).toEqual(['group ocr@2', 'worker a'])
  })

  test('a group that operators have put to rest can be woken from here', () => {
    const resting = ['a', 'b'].map((id) =>
      sampleWorker(id, { status: 'maintenance', maintenance: byOperator }),
    )
    const byFile = sampleWorker('c', {
      status: 'maintenance',
      maintenance: { ...byOperator, by: 'file' },
    })
    const [item] = find([...resting, byFile])
    expect(item).toMatchObject({ tone: 'warn', resting: ['a', 'b'] })
  })

  test('a lane that is paused waits on purpose', () => {
    expect(find([sampleWorker('a')], { lanes: [lane({ paused: {} })] })).toEqual([])
  })

  test('waiting is trouble after five minutes though somebody could take it', () => {
    const slow = lane({ capable: 2 })
    expect(find([sampleWorker('a')], { lanes: [slow] })).toEqual([])
    const [item] = find([sampleWorker('a')], { lanes: [slow], nowMs: START_MS + 301_000 })
    expect(item).toMatchObject({ tone: 'warn', detail: '12 tasks wait, no slot is free' })
  })

  test('many workers away of one kind are one line that leads to them', () => {
    const away = ['a', 'b', 'c', 'd'].map((id) => sampleWorker(id, { status: 'stalled' }))
    const items = find([sampleWorker('z'), ...away])
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({ sentence: '4 workers are stalled.', href: '/workers?state=stalled' })
  })

  test('failures count from a twentieth on, and a few say nothing', () => {
    expect(find([sampleWorker('a')], { failed: 4, finished: 4 })).toEqual([])
    expect(find([sampleWorker('a')], { failed: 5, finished: 101 })).toEqual([])
    expect(find([sampleWorker('a')], { failed: 5, finished: 100 })[0]).toMatchObject({ tone: 'warn' })
    expect(find([sampleWorker('a')], { failed: 25, finished: 100 })[0]).toMatchObject({ tone: 'bad' })
    expect(find([sampleWorker('a')], { failed: null, finished: null })).toEqual([])
  })

  test('the tile of errors has the tone that the list has', () => {
    expect(toneOfFailures(4, 18)).toBe(undefined)
    expect(toneOfFailures(5, 101)).toBe(undefined)
    expect(toneOfFailures(5, 100)).toBe('warn')
    expect(toneOfFailures(25, 100)).toBe('bad')
    expect(toneOfFailures(null, null)).toBe(undefined)
  })

  test('another group’s troubles do not show where one is chosen', () => {
    const away = sampleWorker('a', { status: 'unreachable', group: 'other' })
    expect(find([away, sampleWorker('b')], { group: 'default', lanes: [lane()] })).toEqual([])
  })

  test('hanging tasks and a bad workers.json', () => {
    const stuck = sampleWorker('a', { slots: { limit: 4, used: 2, stuck: 2, available: 2, queue: 0 } })
    const config = { state: 'stale' as const, error: 'no comma', since: START_AT, warnings: [] }
    expect(find([stuck], { config }).map(({ sentence, href }) => [sentence, href])).toEqual([
      ['workers.json is not valid. The last good fleet stays in place.', '/config'],
      ['2 tasks hang on a.', '/workers/a'],
    ])
  })
})

describe('the verdict', () => {
  const say = (workers: ReturnType<typeof sampleWorker>[]) => verdictOf(workers, find(workers), false)

  test('counts groups and tells the worst', () => {
    const other = sampleWorker('b', { group: 'ocr', status: 'unreachable' })
    expect(say([sampleWorker('a')])).toEqual({
      tone: 'ok',
      sentence: 'default@1 is served. Nothing needs a hand.',
    })
    expect(say([sampleWorker('a'), other])).toEqual({
      tone: 'bad',
      sentence: '1 of 2 groups served. 2 warnings, first: No worker of ocr@1 is ready.',
    })
  })

  test('of an empty fleet, and before the first word', () => {
    expect(verdictOf([], [], false)).toEqual({ tone: 'calm', sentence: 'No workers yet.' })
    expect(verdictOf([], [], true).sentence).toMatch(/Waiting for the first word/)
  })
})

describe('rates', () => {
  test('a minute of completed ones, the share that failed in five; the second under way does not count', () => {
    const points = [
      samplePoint(0, { completed: 90, failed: 10 }),
      samplePoint(298, { completed: 2, failed: 0 }),
      samplePoint(299, { completed: 4, failed: 4 }),
      samplePoint(300, { completed: 99, failed: 99 }),
    ]
    expect(outcomesOf(points, 300)).toEqual({
      completedPerMinute: 180,
      errorShare: 14 / 110,
      failed: 14,
      finished: 110,
    })
    expect(outcomesOf(points.slice(1), 301)?.errorShare).toBeCloseTo(103 / 208)
  })

  test('are unknown without a second of it, and without an end there is no share', () => {
    expect(outcomesOf([], 300)).toBeNull()
    expect(outcomesOf([samplePoint(10)], 300)).toBeNull()
    expect(outcomesOf([samplePoint(299, { completed: 0 })], 300)).toMatchObject({ errorShare: null })
  })
})
