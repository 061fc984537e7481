import { expect, test } from 'vitest'
import { START_AT, START_MS, sampleWorker } from '../testing/samples.ts'
import { mergeBeats } from './beats.ts'

const known = new Map([sampleWorker('a'), sampleWorker('b')].map((worker) => [worker.id, worker]))

test('a beat says when a worker was heard, and its uptime grows with that', () => {
  const next = mergeBeats(known, { beats: { a: [250] } }, START_MS + 10_250)
  expect(next.get('a')).toEqual({
    ...known.get('a'),
    lastSeenAt: new Date(START_MS + 10_000).toISOString(),
    system: { ...known.get('a')?.system, uptime: 70 },
  })
  expect(next.get('b')).toBe(known.get('b'))
})

test('a whole beat brings its load', () => {
  const next = mergeBeats(known, { beats: { a: [0, 90, 12, 3.5, 7] } }, START_MS)
  expect(next.get('a')).toMatchObject({
    lastSeenAt: START_AT,
    latencyMs: 7,
    system: { cpuLoad: 0.9, memoryUsed: 0.12, eventLoopDelayMs: 3.5, uptime: 60 },
  })
})

test('unknown stays unknown', () => {
  const silent = sampleWorker('a', { system: null, latencyMs: null })
  const next = mergeBeats(new Map([['a', silent]]), { beats: { a: [0, null, null, null, null] } }, START_MS)
  expect(next.get('a')).toMatchObject({ system: null, latencyMs: null })
})

test('a figure that the worker does not say stays unknown beside those that it says', () => {
  const system = { cpuLoad: 0.25, memoryUsed: 0.5, eventLoopDelayMs: null, uptime: null }
  const foreign = new Map([['a', sampleWorker('a', { system })]])
  const next = mergeBeats(foreign, { beats: { a: [0, 90, 12, null, 7] } }, START_MS + 10_000)
  expect(next.get('a')?.system).toEqual({ ...system, cpuLoad: 0.9, memoryUsed: 0.12 })
})

test('slots are five figures, and a worker that nobody knows is left out', () => {
  const next = mergeBeats(known, { slots: { b: [8, 2, 1, 6, 3], x: [1, 1, 1, 1, 1] } }, START_MS)
  expect(next.get('b')?.slots).toEqual({ limit: 8, used: 2, stuck: 1, available: 6, queue: 3 })
  expect(next.size).toBe(2)
})
