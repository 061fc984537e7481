import type { DeliveryView, RunAttempt } from '@berth/protocol'
import { expect, test } from 'vitest'
import { sampleRunView } from '../../testing/sample-run.ts'
import { phasesOf, spanOf } from './phases.ts'

const T0 = Date.parse('2026-11-21T12:00:00.000Z')
const at = (ms: number) => new Date(T0 + ms).toISOString()
const attempt = (n: number, from: number, to: number | null, outcome: RunAttempt['outcome']): RunAttempt => ({
  n,
  worker: 'w1',
  startedAt: at(from),
  finishedAt: to === null ? null : at(to),
  outcome,
})
const brief = (phases: ReturnType<typeof phasesOf>) =>
  phases.map(({ kind, startMs, endMs }) => [kind, startMs - T0, endMs === null ? null : endMs - T0])

test('waited, failed, waited again, ran to its end, was delivered', () => {
  const run = sampleRunView('r_1', {
    createdAt: at(0),
    finishedAt: at(90),
    attempts: [attempt(1, 10, 30, 'failed'), attempt(2, 50, 90, 'completed')],
  })
  const tried = { n: 1, at: at(95), durationMs: 20, status: 200, error: null }
  const delivery = {
    id: 'd_1',
    createdAt: at(90),
    state: 'delivered',
    attempts: [tried],
  } as unknown as DeliveryView
  const phases = phasesOf(run, [delivery])
  expect(brief(phases)).toEqual([
    ['waiting', 0, 10],
    ['attempt', 10, 30],
    ['waiting', 30, 50],
    ['attempt', 50, 90],
    ['delivery', 90, 115],
  ])
  expect(spanOf(phases, T0 + 500)).toEqual({ startMs: T0, endMs: T0 + 115 })
})

test('what goes on has no end yet', () => {
  const running = sampleRunView('r_1', {
    status: 'running',
    createdAt: at(0),
    finishedAt: null,
    attempts: [attempt(1, 10, null, null)],
  })
  expect(brief(phasesOf(running))).toEqual([
    ['waiting', 0, 10],
    ['attempt', 10, null],
  ])
  expect(spanOf(phasesOf(running), T0 + 500).endMs).toBe(T0 + 500)
  const queued = sampleRunView('r_1', { status: 'queued', createdAt: at(0), attempts: [], finishedAt: null })
  expect(brief(phasesOf(queued))).toEqual([['waiting', 0, null]])
})

test('one that is due later has not waited before; one that never began has waited all its life', () => {
  const later = { createdAt: at(0), scheduledFor: at(100), attempts: [], finishedAt: null }
  expect(brief(phasesOf(sampleRunView('r_1', { ...later, status: 'scheduled' })))).toEqual([['due', 0, null]])
  expect(brief(phasesOf(sampleRunView('r_1', { ...later, status: 'queued' })))).toEqual([
    ['due', 0, 100],
    ['waiting', 100, null],
  ])
  const cancelled = sampleRunView('r_1', {
    status: 'cancelled',
    createdAt: at(0),
    attempts: [],
    finishedAt: at(40),
  })
  expect(brief(phasesOf(cancelled))).toEqual([['waiting', 0, 40]])
})
