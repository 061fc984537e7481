import { describe, expect, it } from 'vitest'
import { ticksOf } from './outcomes.ts'

const at = (minute: number, second = 0) => new Date(Date.UTC(2026, 0, 1, 0, minute, second)).toISOString()
const run = (minute: number, status: 'completed' | 'failed' | 'running' | 'cancelled', lateS = 1) => ({
  id: `r_${minute}`,
  status,
  scheduledFor: at(minute),
  createdAt: at(minute),
  startedAt: at(minute, lateS),
})
const fire = (minute: number, outcome: 'fired' | 'missed' | 'skipped' | 'refused') => ({
  scheduledFor: at(minute),
  at: at(minute),
  outcome,
  run: null,
  count: 1,
  reason: outcome,
})

describe('the ticks of a schedule', () => {
  it('are its runs and the instants that fired none, the oldest first', () => {
    const ticks = ticksOf(
      [
        run(6, 'running'),
        run(5, 'failed'),
        run(4, 'completed', 90),
        run(1, 'completed'),
        run(7, 'cancelled'),
      ],
      [fire(3, 'missed'), fire(2, 'skipped'), fire(1, 'fired'), fire(0, 'refused')],
    )
    expect(ticks.map(({ outcome }) => outcome)).toEqual([
      'failed',
      'ok',
      'skipped',
      'missed',
      'late',
      'failed',
      'running',
      'skipped',
    ])
  })

  it('are at most sixty, none from before the runs that are known', () => {
    const runs = Array.from({ length: 60 }, (_, n) => run(100 - n, 'completed'))
    const ticks = ticksOf(runs, [fire(99, 'skipped'), fire(3, 'missed')])
    expect(ticks).toHaveLength(60)
    expect(ticks.filter(({ outcome }) => outcome !== 'ok').map(({ outcome }) => outcome)).toEqual(['skipped'])
  })
})
