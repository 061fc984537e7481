import { expect, test } from 'vitest'
import { byOperator, START_AT, START_MS, sampleWorker } from '../../testing/samples.ts'
import { planRestore } from './restore-plan.ts'

const later = new Date(START_MS + 60_000).toISOString()
const said = (changes = {}) => ({ maintenance: { ...byOperator, ...changes } })

test('brings back what each had: in service, or an operator’s own words', () => {
  const before = [
    sampleWorker('a'),
    sampleWorker('b', said({ reason: 'disk', until: later, deadline: START_AT })),
    sampleWorker('c', said({ reason: 'disk', until: later })),
    sampleWorker('d', said()),
    sampleWorker('e', said({ by: 'file' })),
    sampleWorker('f'),
  ]
  const changed = new Set(['a', 'b', 'c', 'd', 'e'])
  expect(planRestore(before, changed, START_MS)).toEqual([
    { path: '/fleet/on', body: { select: { workers: ['a', 'e'] } } },
    { path: '/fleet/off', body: { select: { workers: ['b', 'c'] }, reason: 'disk', until: later } },
    { path: '/fleet/off', body: { select: { workers: ['d'] } } },
  ])
})

test('nothing changed, nothing to bring back', () => {
  expect(planRestore([sampleWorker('a')], new Set(), START_MS)).toEqual([])
})
