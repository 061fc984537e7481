import type { WorkerView } from '@berth/protocol'
import { act, renderHook } from '@testing-library/react'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sampleWorker } from '../../testing/samples.ts'
import { useFleetList } from './use-fleet-list.ts'
import type { WorkersAddress } from './use-worker-filter.ts'

const nothing = () => undefined
const address: WorkersAddress = {
  filter: { words: '', picked: new Map() },
  group: null,
  view: 'table',
  grouping: 'none',
  sort: { column: 'worker', direction: 'ascending' },
  setWords: nothing,
  toggle: nothing,
  clear: nothing,
  setView: nothing,
  setGrouping: nothing,
  setSort: nothing,
}

const one = sampleWorker('worker-1')
const two = sampleWorker('worker-2')
const beat: Partial<WorkerView> = { latencyMs: 7, lastSeenAt: '2026-11-22T12:00:09.000Z' }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A page on which nobody looks at counts, and which has just counted. */
function openFleet() {
  const fleetOf = (change: Partial<WorkerView>) =>
    new Map([one, { ...two, ...change }].map((worker) => [worker.id, worker]))
  const { result, rerender } = renderHook(({ workers }) => useFleetList(workers, address, '', []), {
    initialProps: { workers: fleetOf({}) },
  })
  const change = (what: Partial<WorkerView>) => rerender({ workers: fleetOf(what) })
  change(beat)
  return { counts: () => result.current.counts, change }
}

test.each<[string, Partial<WorkerView>, string]>([
  ['state', { status: 'maintenance' }, 'maintenance'],
  ['group', { group: 'gpu' }, 'gpu'],
  ['contract', { contract: 7 }, '7'],
  ['version', { version: '9.9.9' }, '9.9.9'],
])('another %s is counted within a second of the next word', (name, what, value) => {
  const { counts, change } = openFleet()
  change({ ...beat, ...what })
  act(() => void vi.advanceTimersByTime(1_000))
  change({ ...what, latencyMs: 8 })
  expect(
    counts()
      .get(name as 'state')
      ?.get(value),
  ).toBe(1)
})

test('it is counted, too, when no further word comes', () => {
  const { counts, change } = openFleet()
  change({ ...beat, status: 'maintenance' })
  act(() => void vi.advanceTimersByTime(2_000))
  expect(counts().get('state')?.get('maintenance')).toBe(1)
})

test('while only figures and tags move, and nobody looks, nothing is counted again for 15 seconds', () => {
  const { counts, change } = openFleet()
  const before = counts()
  for (let second = 1; second < 15; second++) {
    act(() => void vi.advanceTimersByTime(1_000))
    change({ latencyMs: 10 + second, tags: { zone: `z${second}` } })
    expect(counts()).toBe(before)
  }
})
