import { expect, test } from 'vitest'
import { sampleWorker } from '../../testing/samples.ts'
import type { MaintenanceControl } from './maintenance.ts'
import { columnsOf } from './worker-columns.tsx'
import { IdRanks, sortFleet } from './worker-order.ts'

const control: MaintenanceControl = {
  pending: new Map(),
  asking: null,
  request: () => undefined,
  answered: () => undefined,
}
const rates = new Map([
  ['worker-2', { perMinute: 5, errorShare: null }],
  ['worker-10', { perMinute: 50, errorShare: 0.5 }],
])
const columns = columnsOf({ control, rates, disabledWhy: undefined, onTag: () => undefined })
const slots = (used: number, limit: number) => ({ limit, used, stuck: 0, available: limit - used, queue: 0 })
const fleet = [
  sampleWorker('worker-10', { slots: slots(1, 2), status: 'unreachable', version: '1.10.0' }),
  sampleWorker('worker-2', { slots: slots(8, 64), lastSeenAt: '2026-11-21T12:00:01.000Z', version: '1.9.0' }),
  sampleWorker('worker-1', { slots: null, status: 'maintenance', group: null, version: null }),
]

const order = (column: string, direction: 'ascending' | 'descending') => {
  const ranks = new IdRanks().of(
    fleet.map(({ id }) => id),
    fleet.length,
  )
  return sortFleet(fleet, { column, direction }, columns, ranks).map(({ id }) => id)
}

test.each([
  ['worker', 'ascending', 'worker-1 worker-2 worker-10'],
  ['worker', 'descending', 'worker-10 worker-2 worker-1'],
  // By what is taken of what there is; unknown stands last in both directions.
  ['slots', 'ascending', 'worker-2 worker-10 worker-1'],
  ['slots', 'descending', 'worker-10 worker-2 worker-1'],
  // From worst to best.
  ['state', 'ascending', 'worker-10 worker-1 worker-2'],
  ['version', 'ascending', 'worker-2 worker-10 worker-1'],
  ['version', 'descending', 'worker-10 worker-2 worker-1'],
  ['group', 'descending', 'worker-2 worker-10 worker-1'],
  // The one heard last first, equals by id.
  ['age', 'ascending', 'worker-2 worker-1 worker-10'],
  ['rate', 'descending', 'worker-10 worker-2 worker-1'],
  ['errors', 'ascending', 'worker-10 worker-1 worker-2'],
  ['nothing', 'descending', 'worker-1 worker-2 worker-10'],
] as const)('by %s %s', (column, direction, expected) => {
  expect(order(column, direction).join(' ')).toBe(expected)
})

test('ranks stay as long as the ids do', () => {
  const ranks = new IdRanks()
  const first = ranks.of(['b', 'a10', 'a9'], 3)
  expect([...first]).toEqual([
    ['a9', 0],
    ['a10', 1],
    ['b', 2],
  ])
  expect(ranks.of(['a9', 'b', 'a10'], 3)).toBe(first)
  expect(ranks.of(['a9', 'b'], 2)).not.toBe(first)
  expect(ranks.of(['a9', 'c'], 2).get('c')).toBe(1)
})

test('a thousand workers are in order within a few milliseconds', () => {
  const many = Array.from({ length: 1_000 }, (_, i) => sampleWorker(`worker-${(i * 7_919) % 1_000}`))
  const kept = new IdRanks()
  const ids = many.map(({ id }) => id)
  const sort = { column: 'worker', direction: 'ascending' } as const
  sortFleet(many, sort, columns, kept.of(ids, ids.length))
  const spansMs = Array.from({ length: 30 }, () => {
    const startedAt = performance.now()
    sortFleet(many, sort, columns, kept.of(ids, ids.length))
    return performance.now() - startedAt
  })
  // The shortest: whoever else is at work on this machine makes any of them longer.
  expect(Math.min(...spansMs)).toBeLessThan(25)
})
