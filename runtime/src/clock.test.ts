/** The manual clock moves only by hand, and its two readings are independent. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ManualClock, systemClock } from './clock.ts'

test('a manual clock advances both readings and refuses to go back', () => {
  const clock = new ManualClock({ wallMs: 1000 })
  clock.advance(250)
  assert.deepEqual([clock.wallMs(), clock.monoMs()], [1250, 250])
  assert.throws(() => clock.advance(-1), RangeError)
  assert.throws(() => clock.advance(Number.NaN), RangeError)
})

test('setting the wall leaves the monotonic reading alone', () => {
  const clock = new ManualClock({ wallMs: 5000, monoMs: 7 })
  clock.setWall(1)
  assert.deepEqual([clock.wallMs(), clock.monoMs()], [1, 7])
})

test('the system clock does not go backwards', () => {
  const first = systemClock.monoMs()
  assert.ok(systemClock.monoMs() >= first)
  assert.ok(Math.abs(systemClock.wallMs() - Date.now()) < 1000)
})
