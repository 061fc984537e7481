import type { ScheduleView } from '@berth/protocol'
import { describe, expect, it } from 'vitest'
import { emptyPicker, type PickerState, pickerOf, termsOf } from './picker-state.ts'

const empty = emptyPicker('Europe/Vienna')
const of = (changes: Partial<PickerState>) => termsOf({ ...empty, ...changes })
const cron = (expression: string) => ({ type: 'cron', cron: expression, timezone: 'Europe/Vienna' })

describe('the picker', () => {
  it('writes the cron of what is picked', () => {
    expect(of({})).toEqual(cron('0 8 * * *'))
    expect(of({ kind: 'minutes', everyMinutes: '15' })).toEqual(cron('*/15 * * * *'))
    expect(of({ kind: 'hourly', everyHours: '6', minute: '30' })).toEqual(cron('30 */6 * * *'))
    expect(of({ kind: 'weekly', days: [5, 1], time: '17:45' })).toEqual(cron('45 17 * * MON,FRI'))
    expect(of({ kind: 'weekly', days: [0, 1, 2, 3, 4, 5, 6] })).toEqual(cron('0 8 * * *'))
    expect(of({ kind: 'monthly', day: '31' })).toEqual(cron('0 8 31 * *'))
    expect(of({ kind: 'cron', cron: ' 0 0 13 * FRI ' })).toEqual(cron('0 0 13 * FRI'))
    expect(termsOf({ ...empty, timezone: '' })).toEqual({ type: 'cron', cron: '0 8 * * *' })
  })

  it('writes intervals, delays and instants', () => {
    expect(of({ kind: 'interval' })).toEqual({ type: 'interval', intervalSeconds: 90 })
    expect(of({ kind: 'delay', delay: '0' })).toEqual({ type: 'delayed', delayInSeconds: 0 })
    const date = '2027-01-01T08:00'
    expect(of({ kind: 'once', date })).toEqual({ type: 'scheduled', date: new Date(date).toISOString() })
  })

  it('asks nothing while it is not filled', () => {
    for (const changes of [
      { time: '' },
      { kind: 'weekly', days: [] },
      { kind: 'monthly', day: '32' },
      { kind: 'hourly', minute: '60' },
      { kind: 'interval', seconds: '0' },
      { kind: 'interval', seconds: '1.5' },
      { kind: 'delay', delay: '-1' },
      { kind: 'once' },
      { kind: 'cron', cron: ' ' },
    ] as Partial<PickerState>[])
      expect(of(changes), JSON.stringify(changes)).toBeNull()
  })

  it('comes back from a schedule as it was made', () => {
    const view = (changes: Partial<ScheduleView>) => changes as ScheduleView
    for (const expression of [
      '*/15 * * * *',
      '0 8 * * MON-FRI',
      '30 2 1 * *',
      '0 0 13 * FRI',
      '*/7 * * * *',
    ]) {
      const given = view({ type: 'cron', cron: expression, timezone: 'UTC' })
      expect(termsOf(pickerOf(given))).toEqual({ type: 'cron', cron: expression, timezone: 'UTC' })
    }
    expect(pickerOf(view({ type: 'cron', cron: '*/7 * * * *', timezone: null })).kind).toBe('cron')
    expect(termsOf(pickerOf(view({ type: 'interval', intervalSeconds: 5 })))).toEqual({
      type: 'interval',
      intervalSeconds: 5,
    })
    const date = '2027-01-01T08:00:00.000Z'
    expect(termsOf(pickerOf(view({ type: 'scheduled', date })))).toEqual({ type: 'scheduled', date })
  })
})
