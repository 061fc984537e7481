/** Runs that were promised over a mixed fleet, under kills of all that it has: C1 and the others, in the small. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeMixed, drawSeed, killMixedFleet } from './mixed-durable.ts'

const seed = drawSeed()

test(`no promise is broken by 7 strikes at balancer, our workers and others (MIXED_SEED=${seed})`, {
  timeout: 500_000,
}, async (t) => {
  const mixed = await killMixedFleet({ runs: 300, webhooks: 10, strikes: 7, taskMs: 600, seed, scope: t })
  t.diagnostic(describeMixed(mixed))
  assert.equal(mixed.violations.length, 0, mixed.violations.slice(0, 20).join('\n'))
  assert.equal(mixed.lost, 0)
  const { kills, began, repeats } = mixed
  assert.ok(Math.min(...Object.values(kills)) > 0, 'a kind was spared')
  assert.ok(began.native > 20 && began.foreign > 20, 'a kind got nothing')
  assert.ok(
    Object.values(repeats).some((count) => count > 0),
    'no kill met a run',
  )
})
