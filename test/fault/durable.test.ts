/** Runs that were promised, under kills at random moments: sections A and C1 of the catalogue, in the small. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spreadChaos } from './chaos.ts'

test('no promise is broken by 20 kills of balancer and workers', { timeout: 500_000 }, async (t) => {
  const { violations, repeats, story } = await spreadChaos({ runs: 800, webhooks: 60, kills: 20, scope: t })
  t.diagnostic(`${story.executions.length} notes, ${repeats} repeats, ${story.messages.length} messages`)
  assert.equal(violations.length, 0, violations.slice(0, 20).join('\n'))
})
