/** E8: instants further away than any timer of the runtime reaches. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TestScheduler } from './test-scheduler.ts'

const DAY_MS = 86_400_000
const LONGEST_TIMER_MS = 2 ** 31 - 1

test('a limit of 25 days does not fire early, waiting or running, and then it does', () => {
  const at = 25 * DAY_MS
  assert.ok(at > LONGEST_TIMER_MS)
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const running = bench.submit({ deadlineAt: at, queueUntilAt: at })
  bench.start(running)
  const waiting = bench.submit({ deadlineAt: at, queueUntilAt: at })
  assert.equal(bench.core.nextAt(), at)
  for (const ms of [1, 1_000, LONGEST_TIMER_MS, at - LONGEST_TIMER_MS - 1_002]) bench.advance(ms)
  assert.deepEqual([bench.end(running), bench.end(waiting)], [undefined, undefined])
  bench.advance(1)
  assert.deepEqual([bench.verdict(running), bench.verdict(waiting)], ['TIMEOUT', 'TIMEOUT'])
})
