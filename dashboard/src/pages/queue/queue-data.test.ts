import { expect, test } from 'vitest'
import { figuresOf, isBusy, isGrowing, type Lane, placeWith, type Waiting } from './queue-data.ts'

function lane(changes: Partial<Lane> = {}): Lane {
  return {
    group: 'default',
    contract: 1,
    function: 'hello',
    tags: null,
    waiting: 0,
    hasMore: false,
    oldestAt: null,
    arrivalPerSecond: 2,
    servicePerSecond: 3,
    clearMs: 0,
    capable: 1,
    free: 0,
    limits: [],
    paused: null,
    fairness: [],
    ...changes,
  }
}

function task(id: string, priority: number, waitedMs: number, group = 'default'): Waiting {
  return {
    id,
    position: 1,
    group,
    contract: 1,
    function: 'f',
    priority,
    fairnessKey: null,
    waitedMs,
    why: 'no_slot',
  }
}

test('the rates of a function with several lanes count once', () => {
  const figures = figuresOf([
    lane({ waiting: 4, clearMs: 4_000, oldestAt: '2026-01-01T00:00:05.000Z' }),
    lane({ tags: '{"gpu":"a"}', waiting: 1, clearMs: 4_000, oldestAt: '2026-01-01T00:00:01.000Z' }),
    lane({
      function: 'other',
      waiting: 9,
      clearMs: null,
      paused: { since: 's', until: null, reason: null, by: 'group' },
    }),
  ])
  expect(figures).toMatchObject({
    arrivals: 4,
    served: 6,
    clearMs: 4_000,
    functions: 2,
    waitingFunctions: 2,
    paused: 1,
    oldestAt: '2026-01-01T00:00:01.000Z',
  })
})

test('what nobody knows is not zero', () => {
  const unknown = lane({ waiting: 3, arrivalPerSecond: null, servicePerSecond: null, clearMs: null })
  expect(figuresOf([unknown])).toMatchObject({ arrivals: null, served: null, clearMs: null, doesGrow: false })
  expect(isGrowing(lane({ waiting: 3, arrivalPerSecond: 5, clearMs: null }))).toBe(true)
})

test('a function with a pause or runs on disk is shown though nothing waits here', () => {
  expect(isBusy(lane())).toBe(false)
  expect(isBusy(lane({ hasMore: true }))).toBe(true)
  expect(isBusy(lane({ paused: { since: 's', until: null, reason: null, by: 'function' } }))).toBe(true)
})

test('a new priority has a new place, within its own group', () => {
  const one = task('one', 100, 500)
  const head = [task('a', 1, 10), task('b', 50, 900), one, task('c', 100, 100), task('x', 1, 1, 'gpu')]
  expect(placeWith(head, one, 1)).toBe(1)
  expect(placeWith(head, one, 50)).toBe(3)
  expect(placeWith(head, one, 500)).toBe(4)
})

test('behind a full list nobody knows the place', () => {
  const many = Array.from({ length: 200 }, (_, at) => task(`t${at}`, 5, 1_000 - at))
  expect(placeWith(many, many[0] ?? task('t', 1, 1), 900)).toBeNull()
})
