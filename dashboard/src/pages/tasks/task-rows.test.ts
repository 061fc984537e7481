import type { RunItem } from '@berth/protocol'
import { expect, test } from 'vitest'
import { sampleRun } from '../../testing/sample-run.ts'
import { holdRows, LIVE_ROWS, mergeRows } from './task-rows.ts'

const run = (n: number, changes: Partial<RunItem> = {}) =>
  sampleRun(`r_${String(n).padStart(4, '0')}`, changes)
const map = (...runs: RunItem[]) => new Map(runs.map((one) => [one.id, one]))
const ids = (rows: readonly RunItem[]) => rows.map(({ id }) => Number(id.slice(2)))
const none = new Map<string, RunItem>()

test('what the feed tells goes over what was read, the newest first', () => {
  const rows = mergeRows({
    read: [run(2, { status: 'queued' }), run(1)],
    seen: none,
    live: map(run(3), run(2, { status: 'running' }), run(1)),
    fromMs: 0,
  })
  expect(ids(rows)).toEqual([3, 2, 1])
  expect(rows[1]?.status).toBe('running')
})

test('what the feed no longer names is gone, below its window it stays', () => {
  expect(ids(mergeRows({ read: [run(2), run(1)], seen: none, live: map(run(2)), fromMs: 0 }))).toEqual([2])
  const live = map(...Array.from({ length: LIVE_ROWS }, (_, n) => run(100 + n)))
  const rows = mergeRows({ read: [run(99), run(50)], seen: map(run(98), run(120)), live, fromMs: 0 })
  expect(ids(rows).slice(-3)).toEqual([99, 98, 50])
  expect(rows).toHaveLength(LIVE_ROWS + 3)
})

test('what has left the range goes; without the feed all that was read stands', () => {
  const old = run(1, { createdAt: '2026-11-21T11:00:00.000Z' })
  const fromMs = Date.parse('2026-11-21T11:30:00.000Z')
  expect(ids(mergeRows({ read: [run(2), old], seen: none, live: null, fromMs }))).toEqual([2])
})

test('new ones wait while somebody reads', () => {
  const rows = [run(3), run(2), run(1)]
  expect(holdRows(rows, null)).toEqual({ shown: rows, held: 0 })
  const { shown, held } = holdRows(rows, 'r_0002')
  expect([ids(shown), held]).toEqual([[2, 1], 1])
})
