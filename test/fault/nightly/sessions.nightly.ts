/**
 * Sessions in the large: 200 of 50 turns on 6 workers. Without faults at least 95 % of the turns run where the one
 * before has run; with 60 kills of balancer and workers every turn has its place all the same. About ten minutes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { playSessions } from '../sessions.ts'

const PLAN = { sessions: 200, turns: 50, workers: 6, slots: 40, limitMs: 30 * 60_000 }

for (const [what, taskMs, kills] of [
  ['without faults', 10, 0],
  ['through 60 kills of balancer and workers', 300, 60],
] as const)
  test(`200 sessions of 50 turns ${what}`, async (t) => {
    const { violations, warm, repeats, executions, seconds } = await playSessions({
      ...PLAN,
      taskMs,
      kills,
      scope: t,
    })
    const rate = Math.round((PLAN.sessions * PLAN.turns) / seconds)
    const share = (100 * warm).toFixed(1)
    t.diagnostic(
      `${executions} executions, ${repeats} repeats, ${share} % warm, ${seconds.toFixed(0)} s, ${rate} turns/s`,
    )
    assert.equal(violations.length, 0, violations.slice(0, 50).join('\n'))
    if (kills === 0) assert.ok(warm >= 0.95, `${share} % of the turns ran where the one before had run`)
  })
