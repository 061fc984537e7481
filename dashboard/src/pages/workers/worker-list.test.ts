import { describe, expect, test } from 'vitest'
import { sampleWorker } from '../../testing/samples.ts'
import { en } from '../../text/en/index.ts'
import { filterWorkers, nextSorting, type SortColumn, sortWorkers } from './worker-list.ts'

const slots = (used: number, limit: number) => ({ limit, used, stuck: 0, available: limit - used, queue: 0 })

const fleet = [
  sampleWorker('worker-10', { slots: slots(1, 2), status: 'unreachable', latencyMs: null }),
  sampleWorker('worker-2', { slots: slots(8, 64), latencyMs: 5, lastSeenAt: '2026-11-21T12:00:01.000Z' }),
  sampleWorker('worker-1', { slots: null, status: 'maintenance', latencyMs: 1, group: null }),
]

const order = (column: SortColumn, direction: 'ascending' | 'descending') =>
  sortWorkers(fleet, { column, direction }).map((worker) => worker.id)

describe('sorting', () => {
  test('ids read as people read them', () => {
    expect(order('worker', 'ascending')).toEqual(['worker-1', 'worker-2', 'worker-10'])
    expect(order('worker', 'descending')).toEqual(['worker-10', 'worker-2', 'worker-1'])
  })

  test('slots by what is taken of what there is', () => {
    expect(order('slots', 'ascending')).toEqual(['worker-2', 'worker-10', 'worker-1'])
  })

  test('unknown stands last in both directions', () => {
    expect(order('latency', 'ascending')).toEqual(['worker-1', 'worker-2', 'worker-10'])
    expect(order('latency', 'descending')).toEqual(['worker-2', 'worker-1', 'worker-10'])
    expect(order('group', 'descending').at(-1)).toBe('worker-1')
  })

  test('states from worst to best', () => {
    expect(order('state', 'ascending')).toEqual(['worker-10', 'worker-1', 'worker-2'])
  })

  test('the one heard last first, equal ones by id', () => {
    expect(order('age', 'ascending')).toEqual(['worker-2', 'worker-1', 'worker-10'])
    expect(order('version', 'descending')).toEqual(['worker-1', 'worker-2', 'worker-10'])
  })

  test('leaves the list it was given', () => {
    const before = fleet.map((worker) => worker.id)
    order('worker', 'ascending')
    expect(fleet.map((worker) => worker.id)).toEqual(before)
  })

  test('a heading pressed again turns round, another one starts ascending', () => {
    const once = nextSorting({ column: 'worker', direction: 'ascending' }, 'slots')
    expect(once).toEqual({ column: 'slots', direction: 'ascending' })
    const twice = nextSorting(once, 'slots')
    expect(twice.direction).toBe('descending')
    expect(nextSorting(twice, 'slots').direction).toBe('ascending')
  })
})

describe('filter', () => {
  const find = (filter: string) => filterWorkers(fleet, filter, en.states).map((worker) => worker.id)

  test('finds ids, states, tags and functions, whatever the case', () => {
    expect(find('WORKER-10')).toEqual(['worker-10'])
    expect(find('maintenance')).toEqual(['worker-1'])
    expect(find('zone=eu')).toHaveLength(3)
    expect(find('zone:us')).toHaveLength(0)
    expect(find('hello')).toHaveLength(3)
    expect(find('default@1')).toEqual(['worker-10', 'worker-2'])
  })

  test('needs every word', () => {
    expect(find('worker unreachable')).toEqual(['worker-10'])
    expect(find('  ')).toHaveLength(3)
  })

  test('takes no pattern', () => {
    expect(find('worker.*')).toHaveLength(0)
  })
})
