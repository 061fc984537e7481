import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceContext } from '@berth/worker'
import clock from '../services/clock.ts'
import { tags } from '../tags/machine.ts'

const log = { debug() {}, info() {}, warn() {}, error() {} }

function start(signal: AbortSignal): void {
  clock.start({ signal, log, env: {} } satisfies ServiceContext)
}

test('the clock is up between start and stop', () => {
  assert.equal(clock.status?.(), 'the clock is stopped')
  start(new AbortController().signal)
  assert.equal(clock.status?.(), true)
  clock.stop?.()
  assert.equal(clock.status?.(), 'the clock is stopped')
})

test('the clock stops with its signal, and a clock that does not tick is down', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] })
  let nowMs = 0
  t.mock.method(performance, 'now', () => nowMs)
  const controller = new AbortController()
  start(controller.signal)
  nowMs = 5_001
  assert.equal(clock.status?.(), 'the clock has not ticked for 5001 ms')
  t.mock.timers.tick(1_000)
  assert.equal(clock.status?.(), true)
  controller.abort()
  assert.equal(clock.status?.(), 'the clock is stopped')
})

test('the tags of a machine are text and finite numbers', () => {
  const found = tags()
  assert.equal(found.node, process.versions.node)
  for (const value of Object.values(found)) assert.ok(typeof value === 'string' || Number.isFinite(value))
})
