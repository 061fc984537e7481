import { describe, expect, it } from 'vitest'
import { cronOf, type Shape, shapeOf } from './cron-shape.ts'

const SAID: readonly (readonly [string, Shape])[] = [
  ['* * * * *', { kind: 'minutes', every: 1 }],
  ['*/15 * * * *', { kind: 'minutes', every: 15 }],
  ['*/10 * * * * *', { kind: 'seconds', every: 10 }],
  ['5 * * * *', { kind: 'hourly', every: 1, minute: 5 }],
  ['0 */6 * * *', { kind: 'hourly', every: 6, minute: 0 }],
  ['30 2 * * *', { kind: 'daily', time: '02:30' }],
  ['0 8 * * MON-FRI', { kind: 'weekly', days: [1, 2, 3, 4, 5], time: '08:00' }],
  ['15 9 * * SUN,SAT', { kind: 'weekly', days: [0, 6], time: '09:15' }],
  ['0 0 1 * *', { kind: 'monthly', day: 1, time: '00:00' }],
  ['0 12 24 12 *', { kind: 'yearly', month: 12, day: 24, time: '12:00' }],
]

describe('a cron expression', () => {
  it('that people say is read, and written again as it was', () => {
    for (const [cron, shape] of SAID) {
      expect(shapeOf(cron), cron).toEqual(shape)
      expect(shapeOf(cronOf(shape)), cron).toEqual(shape)
    }
    expect(cronOf({ kind: 'weekly', days: [1, 2, 3, 4, 5], time: '08:00' })).toBe('0 8 * * MON-FRI')
  })

  it('may be written in other ways', () => {
    expect(shapeOf(' 0  8 * * 1-5 ')).toEqual(shapeOf('0 8 * * mon-fri'))
    expect(shapeOf('0 8 * * 5-7')).toEqual({ kind: 'weekly', days: [0, 5, 6], time: '08:00' })
    expect(shapeOf('0 8 * * 0-6')).toEqual({ kind: 'daily', time: '08:00' })
    expect(shapeOf('0 30 2 * * *')).toEqual({ kind: 'daily', time: '02:30' })
    expect(shapeOf('0 12 24 DEC *')).toEqual(shapeOf('0 12 24 12 *'))
  })

  it('that no sentence says truly has none', () => {
    for (const cron of [
      '*/7 * * * *',
      '5/15 * * * *',
      '0 */5 * * *',
      '*/15 9-17 * * *',
      '0 8,12 * * *',
      '0 0 13 * FRI',
      '0 0 1,15 * *',
      '0 0 L * *',
      '30 0 8 * * *',
      '61 * * * *',
      '* * *',
      '',
    ])
      expect(shapeOf(cron), cron).toBeNull()
  })
})
