/** The time of a schedule as a sentence; the bare expression where no sentence says it. */
import type { ScheduleView } from '@berth/protocol'
import { formatDuration, formatInstantIn } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { type Shape, shapeOf } from './cron-shape.ts'

type Timed = Pick<ScheduleView, 'type' | 'cron' | 'intervalSeconds' | 'delayInSeconds' | 'date'>

export function sentenceOf(schedule: Timed, zone: 'local' | 'utc' = 'local'): string {
  const words = text.schedules.sentence
  switch (schedule.type) {
    case 'cron': {
      const cron = schedule.cron ?? ''
      const shape = shapeOf(cron)
      return shape === null ? cron : ofShape(shape)
    }
    case 'interval':
      return words.interval(formatDuration((schedule.intervalSeconds ?? 0) * 1_000))
    case 'delayed':
      return words.delayed(formatDuration((schedule.delayInSeconds ?? 0) * 1_000))
    case 'scheduled':
      return words.once(formatInstantIn(Date.parse(schedule.date ?? ''), zone))
  }
}

/** Whether the sentence says more than the expression. */
export function hasSentence({ type, cron }: Timed): boolean {
  return type !== 'cron' || shapeOf(cron ?? '') !== null
}

function ofShape(shape: Shape): string {
  const words = text.schedules.sentence
  switch (shape.kind) {
    case 'seconds':
      return words.seconds(shape.every)
    case 'minutes':
      return words.minutes(shape.every)
    case 'hourly':
      return words.hourly(shape.every, shape.minute)
    case 'daily':
      return words.daily(shape.time)
    case 'weekly':
      return words.weekly(daysIn(shape.days), shape.time)
    case 'monthly':
      return words.monthly(shape.day, shape.time)
    case 'yearly':
      return words.yearly(monthName(shape.month), shape.day, shape.time)
  }
}

/** "Weekdays", "weekends", or the days by name. */
function daysIn(days: readonly number[]): string {
  const key = days.join()
  if (key === '1,2,3,4,5') return text.schedules.sentence.weekdays
  if (key === '0,6') return text.schedules.sentence.weekends
  // The week begins on Monday in a list of days.
  const ordered = days.toSorted((a, b) => ((a + 6) % 7) - ((b + 6) % 7))
  return new Intl.ListFormat(text.locale, { type: 'conjunction' }).format(ordered.map((day) => dayName(day)))
}

const long = new Intl.DateTimeFormat(text.locale, { weekday: 'long', timeZone: 'UTC' })
const short = new Intl.DateTimeFormat(text.locale, { weekday: 'short', timeZone: 'UTC' })
const month = new Intl.DateTimeFormat(text.locale, { month: 'long', timeZone: 'UTC' })

/** 0 is Sunday. */
export function dayName(day: number, form: 'long' | 'short' = 'long'): string {
  // 4 January 1970 was a Sunday.
  return (form === 'long' ? long : short).format(Date.UTC(1970, 0, 4 + day))
}

function monthName(n: number): string {
  return month.format(Date.UTC(1970, n - 1, 1))
}
