/** Schedules in the large: 200 kills among fifty of them, about fifteen minutes, and 100,000 on one second (J12). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fireTogether } from '../schedule-burst.ts'
import { killAmongSchedules } from '../schedules.ts'

test('50 schedules fire each instant once under 200 kills (C16)', async (t) => {
  const { stories, violations } = await killAmongSchedules({ schedules: 50, kills: 200, scope: t })
  const fired = stories.reduce((sum, { firedMs }) => sum + firedMs.length, 0)
  const skipped = stories.reduce((sum, story) => sum + story.skipped, 0)
  t.diagnostic(`${stories.length} schedules fired ${fired} times and skipped ${skipped}`)
  assert.equal(violations.length, 0, violations.slice(0, 20).join('\n'))
})

test('100,000 schedules on one second fire each once, and hold up nobody (J12)', async (t) => {
  const { tookMs, delayP99Ms, delayMaxMs } = await fireTogether(t, 100_000)
  t.diagnostic(`${tookMs} ms; loop delay p99 ${delayP99Ms.toFixed(1)}, max ${delayMaxMs.toFixed(1)} ms`)
  assert.ok(delayP99Ms <= 100, `the loop was held up for ${delayP99Ms} ms`)
})
