import { expect, test } from 'vitest'
import { byOperator, sampleWorker } from '../../testing/samples.ts'
import { SteadyRows } from './steady-rows.ts'

const slots = { limit: 8, used: 3, stuck: 0, available: 5, queue: 0 }
const one = sampleWorker('worker-1')
const two = sampleWorker('worker-2')

test('figures make no other row, and no other list', () => {
  const steady = new SteadyRows()
  const rows = steady.of([one, two])
  expect(rows).toEqual([one, two])
  const moved = { ...one, slots, system: null, latencyMs: 7, lastSeenAt: '2026-11-22T12:00:09.000Z' }
  expect(steady.of([moved, { ...two }])).toBe(rows)
})

test.each([
  { url: 'http://elsewhere:1' },
  { status: 'unready' as const },
  { reason: 'a service is down' },
  { maintenance: byOperator },
  { breaker: { ...one.breaker, state: 'open' as const } },
  { group: 'gpu' },
  { contract: 7 },
  { version: '9.9.9' },
  { tags: { zone: 'eu' } },
])('a worker with another %o is another row, and its neighbour the same', (change) => {
  const steady = new SteadyRows()
  const [, second] = steady.of([one, two])
  const changed = { ...one, ...change }
  const rows = steady.of([changed, { ...two }])
  expect(rows[0]).toBe(changed)
  expect(rows[1]).toBe(second)
})

test('another order, one more and one less are other lists of the same rows', () => {
  const steady = new SteadyRows()
  const [first, second] = steady.of([one, two])
  const turned = steady.of([{ ...two }, { ...one }])
  expect(turned[0]).toBe(second)
  expect(turned[1]).toBe(first)
  expect(steady.of([{ ...two }])).toEqual([second])
  const other = sampleWorker('worker-3')
  expect(steady.of([{ ...two }, other])[1]).toBe(other)
})
