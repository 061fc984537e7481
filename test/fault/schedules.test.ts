/** Schedules under kills at random moments, in the small, and what their checker must refuse. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fireTogether } from './schedule-burst.ts'
import { endOf, judgeSchedule, killAmongSchedules, type ScheduleStory } from './schedules.ts'

const AT = Date.parse('2026-03-29T00:00:00.250Z')
const seconds = (...at: readonly number[]) =>
  at.map((second) => Date.parse('2026-03-29T00:00:00Z') + second * 1_000)

const STORY: ScheduleStory = {
  label: 'a schedule',
  time: { type: 'cron', cron: '*/10 * * * * *', timezone: 'Europe/Vienna' },
  overlap: 'allow',
  firstMs: AT + 9_750,
  madeMs: AT,
  endedMs: AT + 45_000,
  firedMs: seconds(10, 20, 30, 40),
  skipped: 0,
  waiting: 0,
  lost: 0,
  statuses: ['completed'],
}

describe('the checker of schedules (C16)', () => {
  test('takes a story that is right', () => {
    assert.deepEqual(judgeSchedule(STORY), [])
    const every = { type: 'interval', intervalSeconds: 20 } as const
    const skipping = { ...STORY, time: every, overlap: 'skip', firedMs: [AT + 20_000], skipped: 1 } as const
    assert.deepEqual(judgeSchedule(skipping), [])
    const once = { type: 'delayed', delayInSeconds: 5 } as const
    assert.deepEqual(judgeSchedule({ ...STORY, time: once, firedMs: [AT + 5_000] }), [])
  })

  for (const [name, changes, pattern] of [
    ['a fire is lost', { firedMs: seconds(10, 30, 40) }, /never fired for 2026-03-29T00:00:20/],
    ['a fire comes twice', { firedMs: seconds(10, 20, 20, 30, 40) }, /fired twice/],
    ['it fires at another instant', { firedMs: seconds(10, 20, 25, 30, 40) }, /none of its instants/],
    ['it fires after its end', { firedMs: seconds(10, 20, 30, 40, 50) }, /none of its instants/],
    [
      'what is queued comes in disorder',
      { overlap: 'queue', firedMs: seconds(10, 30, 20, 40) },
      /after a later/,
    ],
    ['more is skipped than is missing', { overlap: 'skip', skipped: 1 }, /0 of 4 instants/],
    ['less is skipped than is missing', { overlap: 'skip', firedMs: seconds(10) }, /3 of 4 instants/],
    ['an instant is missed', { lost: 1 }, /missed or refused/],
    ['a run has failed', { statuses: ['failed'] }, /is failed/],
  ] as const)
    test(`refuses one in which ${name}`, () => {
      assert.match(judgeSchedule({ ...STORY, ...changes } as ScheduleStory).join('\n'), pattern)
    })

  test('asks for no instant that the end has overtaken, and for all others', () => {
    const iso = (ms: number) => new Date(ms).toISOString()
    const [last = 0, next = 0] = seconds(30, 40)
    const end = (updatedMs: number, lastMs: number | null) =>
      endOf(
        { nextRunAt: iso(next) },
        { updatedAt: iso(updatedMs), lastInstant: lastMs === null ? null : iso(lastMs) },
      )
    assert.equal(end(next + 2, last), next - 1, 'it was switched off before it fired')
    assert.equal(end(next + 2, null), next - 1)
    assert.equal(end(next + 2, next), next + 2, 'it fired before')
    assert.equal(end(next - 5, last), next - 5)
    assert.equal(endOf({ nextRunAt: null }, { updatedAt: iso(last), lastInstant: iso(last) }), last)
  })
})

test('50 schedules fire each instant once under 5 kills', { timeout: 500_000 }, async (t) => {
  const { stories, violations } = await killAmongSchedules({ schedules: 50, kills: 5, scope: t })
  const fired = stories.reduce((sum, { firedMs }) => sum + firedMs.length, 0)
  const skipped = stories.reduce((sum, story) => sum + story.skipped, 0)
  t.diagnostic(`${stories.length} schedules fired ${fired} times and skipped ${skipped}`)
  assert.equal(violations.length, 0, violations.slice(0, 20).join('\n'))
  assert.ok(fired >= 60, `${fired} fires`)
})

test('3,000 schedules on one second fire each once (J12)', { timeout: 300_000 }, async (t) => {
  const { tookMs, delayP99Ms, delayMaxMs } = await fireTogether(t, 3_000)
  t.diagnostic(`${tookMs} ms; loop delay p99 ${delayP99Ms.toFixed(1)}, max ${delayMaxMs.toFixed(1)} ms`)
})
