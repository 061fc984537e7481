/**
 * No loss over a mixed fleet in the large: MIXED_STRIKES (default 100) strikes, which end some 140 processes, about
 * four minutes. MIXED_SEED has an earlier order again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeMixed, drawSeed, killMixedFleet } from '../mixed-durable.ts'

const strikes = Number(process.env.MIXED_STRIKES ?? 100)
const seed = drawSeed()

test(`no promise is broken by ${strikes} strikes at a mixed fleet (MIXED_SEED=${seed})`, async (t) => {
  const plan = { runs: strikes * 50, webhooks: strikes * 2, strikes, taskMs: 300, seed, scope: t }
  const mixed = await killMixedFleet(plan)
  t.diagnostic(describeMixed(mixed))
  assert.equal(mixed.violations.length, 0, mixed.violations.slice(0, 50).join('\n'))
  assert.equal(mixed.lost, 0)
  assert.equal(mixed.repeats.unexplained, 0)
})
