import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LinkClock } from './link-clock.ts'

test('the fastest frame is the measure; what a later one takes beyond it is its age', () => {
  const clock = new LinkClock()
  assert.equal(clock.ageMs(1_000, 50_000), 0)
  assert.equal(clock.ageMs(2_030, 51_000), 30)
  assert.equal(clock.ageMs(2_995, 52_000), 0, 'a faster one becomes the measure')
  assert.equal(clock.ageMs(4_000, 53_000), 5)
})

test('a measure older than ten minutes is forgotten, so drifting clocks do not age everything', () => {
  const clock = new LinkClock()
  clock.ageMs(0, 1_000)
  for (let minute = 1; minute <= 10; minute++) clock.ageMs(minute * 60_000, minute * 60_000 + 900)
  assert.equal(clock.ageMs(11 * 60_000, 11 * 60_000 + 900), 0)
  assert.equal(clock.ageMs(11 * 60_000 + 1, 11 * 60_000 + 801), 100)
})
