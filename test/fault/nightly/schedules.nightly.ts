/** Schedules in the large: 200 kills among fifty of them, about fifteen minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killAmongSchedules } from '../schedules.ts'

test('50 schedules fire each instant once under 200 kills (C16)', async (t) => {
  const { stories, violations } = await killAmongSchedules({ schedules: 50, kills: 200, scope: t })
  const fired = stories.reduce((sum, { firedMs }) => sum + firedMs.length, 0)
  const skipped = stories.reduce((sum, story) => sum + story.skipped, 0)
  t.diagnostic(`${stories.length} schedules fired ${fired} times and skipped ${skipped}`)
  assert.equal(violations.length, 0, violations.slice(0, 20).join('\n'))
})
