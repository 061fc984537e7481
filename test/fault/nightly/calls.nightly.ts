/** Calls in the large: 200 callers of tasks that all call others on six slots, with and without kills; six minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CallLoadPlan, loadCalls, unexplained } from '../call-load.ts'

const PLANS: readonly (readonly [how: string, plan: CallLoadPlan])[] = [
  ['undisturbed', { seconds: 150, callers: 200 }],
  ['while workers are killed', { seconds: 150, callers: 200, killEverySeconds: 10 }],
]

for (const [how, plan] of PLANS)
  test(`every task calls another at full load, ${how}: nothing locks up`, async (t) => {
    const report = await loadCalls(t, plan)
    const { answered, tasks, failed, stillMs, kills, trees, wrong } = report
    t.diagnostic(
      `${answered} answers, ${tasks} tasks, ${kills} kills, ${failed.length} failed by them, ${trees} trees, at most ${Math.round(stillMs)} ms without an answer`,
    )
    assert.deepEqual(wrong, [])
    assert.deepEqual(unexplained(report).slice(0, 20), [])
    assert.ok(stillMs < 20_000, 'nobody waits for himself')
  })
