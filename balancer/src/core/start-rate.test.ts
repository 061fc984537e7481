/** Starts a second, over the last five seconds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StartRate } from './start-rate.ts'

function rateOf(everyMs: number, forMs: number): StartRate {
  const rate = new StartRate()
  for (let at = 0; at < forMs; at += everyMs) rate.note(at)
  return rate
}

test('a steady rate is seen as it is', () => {
  for (const everyMs of [1, 10, 250]) {
    const seen = rateOf(everyMs, 17_000).perSecond(17_000) ?? 0
    assert.ok(Math.abs(seen - 1000 / everyMs) <= 0.1 * (1000 / everyMs), `${seen} at one in ${everyMs} ms`)
  }
})

test('the first seconds count for what they are', () => {
  const seen = rateOf(10, 2_000).perSecond(2_000) ?? 0
  assert.ok(Math.abs(seen - 100) < 5, String(seen))
})

test('a rate that has ended falls, and is unknown in the end', () => {
  const rate = rateOf(10, 20_000)
  assert.ok((rate.perSecond(24_000) ?? 0) < (rate.perSecond(21_000) ?? 0))
  assert.equal(rate.perSecond(40_000), undefined)
  assert.equal(new StartRate().perSecond(0), undefined)
})
