import type { RunItem } from '@berth/protocol'
import { expect, test } from 'vitest'
import { applyRunChanges, keepWatchedRuns, noWatchedRuns } from './watched-runs.ts'

const item = (id: string, status: RunItem['status']) => ({ id, status }) as RunItem
const WORD = 'runs?status=queued'

test('the whole of a list replaces it, changes go over it', () => {
  const first = applyRunChanges(noWatchedRuns, {
    runs: { [WORD]: { items: [item('r_1', 'queued'), item('r_2', 'queued')], gone: [], isWhole: true } },
  })
  const next = applyRunChanges(first, {
    runs: { [WORD]: { items: [item('r_3', 'queued')], gone: ['r_1'] } },
  })
  expect([...(next.lists.get(WORD)?.keys() ?? [])]).toEqual(['r_2', 'r_3'])
  const again = applyRunChanges(next, { runs: { [WORD]: { items: [], gone: [], isWhole: true } } })
  expect(again.lists.get(WORD)?.size).toBe(0)
})

test('members of one run are laid over it; null means that it is gone', () => {
  const first = applyRunChanges(noWatchedRuns, { run: { r_1: { id: 'r_1', status: 'queued', priority: 3 } } })
  const next = applyRunChanges(first, { run: { r_1: { status: 'running' } } })
  expect(next.runs.get('r_1')).toEqual({ id: 'r_1', status: 'running', priority: 3 })
  expect(applyRunChanges(next, { run: { r_1: null } }).runs.get('r_1')).toBeNull()
})

test('what is refused is known, until it is followed; what is not watched is forgotten', () => {
  const refused = applyRunChanges(noWatchedRuns, { refused: { [WORD]: 'too many' } })
  expect(refused.refused.get(WORD)).toBe('too many')
  const followed = applyRunChanges(refused, { runs: { [WORD]: { items: [], gone: [], isWhole: true } } })
  expect(followed.refused.size).toBe(0)
  expect(keepWatchedRuns(followed, ['run:r_1']).lists.size).toBe(0)
  expect(keepWatchedRuns(followed, [WORD]).lists.size).toBe(1)
  expect(applyRunChanges(followed, { queue: { waiting: 1, running: 0 } })).toBe(followed)
})
