import { afterEach, expect, test, vi } from 'vitest'
import { fakeFetch, problem } from '../../testing/fake-fetch.ts'
import { sampleRun } from '../../testing/sample-run.ts'
import { actOnChosen, type BulkState, canChange, planBulk, planOf, reasonsOf } from './bulk.ts'

afterEach(() => vi.restoreAllMocks())

const queued = sampleRun('r_1', { status: 'queued', createdAt: '2026-11-21T12:00:05.000Z' })
const failed = sampleRun('r_2', { status: 'failed', function: 'resize', group: 'gpu' })
const inMemory = sampleRun('r_3', { status: 'completed', durable: false })

test('each action means only what it can change', () => {
  const runs = [queued, failed, inMemory]
  expect(runs.map((run) => canChange('cancel', run))).toEqual([true, false, false])
  expect(runs.map((run) => canChange('retry', run))).toEqual([false, true, false])
  expect(runs.map((run) => canChange('delete', run))).toEqual([false, true, true])
})

test('what is left out is told by its reason, the most frequent first', () => {
  const runs = [queued, failed, inMemory, { ...inMemory, id: 'r_4' }]
  expect(reasonsOf('retry', runs)).toEqual([
    ['notKept', 2],
    ['goesOn', 1],
  ])
  expect(reasonsOf('cancel', runs)).toEqual([['ended', 3]])
  expect(reasonsOf('delete', runs)).toEqual([['goesOn', 1]])
  expect(reasonsOf('cancel', [queued])).toEqual([])
})

test('a plan of chosen ones counts here, one of a filter asks the balancer for the exact count', async () => {
  expect(planOf([queued, failed])).toEqual({
    matched: 2,
    byStatus: [
      ['queued', 1],
      ['failed', 1],
    ],
    byFunction: [
      ['hello', 1],
      ['gpu/resize', 1],
    ],
    oldestAt: failed.createdAt,
    newestAt: queued.createdAt,
  })
  const parts = [
    { group: 'default', function: 'hello', status: 'failed', count: 4 },
    { group: 'default', function: 'hello', status: 'expired', count: 1 },
  ]
  const asked = fakeFetch({
    '/bulk': { status: 200, body: { id: null, matched: 5, parts, oldestAt: null, newestAt: null } },
  })
  const plan = await planBulk('retry', { kind: 'all', filter: { function: 'hello' } })
  expect(asked[0]?.body).toEqual({ action: 'retry', filter: { function: 'hello' }, dryRun: true })
  expect([plan.matched, plan.byFunction]).toEqual([5, [['hello', 5]]])
})

test('chosen ones are gone through one by one; what is refused is counted', async () => {
  const asked = fakeFetch({
    '/runs/r_2': { status: 204 },
    '/runs/r_3': problem(409, 'no'),
  })
  const states: BulkState[] = []
  const signal = new AbortController().signal
  await actOnChosen('delete', [queued, failed, inMemory], '', signal, (state) => states.push(state))
  expect(asked.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'DELETE /runs/r_2',
    'DELETE /runs/r_3',
  ])
  expect(states.at(-1)).toEqual({ action: 'delete', matched: 2, done: 1, failed: 1, state: 'done' })
})

test('a stop leaves the rest as it is', async () => {
  const ending = new AbortController()
  const asked = fakeFetch(
    Object.fromEntries(
      Array.from({ length: 20 }, (_, n) => [
        `/runs/r_${n}/cancel`,
        () => {
          ending.abort()
          return { status: 200 }
        },
      ]),
    ),
  )
  const runs = Array.from({ length: 20 }, (_, n) => sampleRun(`r_${n}`, { status: 'queued' }))
  const states: BulkState[] = []
  await actOnChosen('cancel', runs, '', ending.signal, (state) => states.push(state))
  expect(asked.length).toBeLessThan(20)
  expect(states.at(-1)?.state).toBe('stopped')
})
