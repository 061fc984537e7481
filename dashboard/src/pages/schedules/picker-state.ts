/**
 * The time of a schedule as a form has it, and as the balancer takes it. Pure. Every kind keeps its own fields, so
 * that whoever tries another one and comes back finds what he had.
 */
import type { ScheduleView } from '@berth/protocol'
import { cronOf, type Shape, shapeOf } from './cron-shape.ts'

export const PICKER_KINDS = [
  'minutes',
  'hourly',
  'daily',
  'weekly',
  'monthly',
  'interval',
  'once',
  'delay',
  'cron',
] as const
export type PickerKind = (typeof PICKER_KINDS)[number]

export interface PickerState {
  readonly kind: PickerKind
  /** Divisors of 60, so that it comes round at the full hour. */
  readonly everyMinutes: string
  readonly everyHours: string
  readonly minute: string
  /** `08:30`. */
  readonly time: string
  readonly days: readonly number[]
  readonly day: string
  readonly seconds: string
  /** As a field of date and time has it, in this browser's zone. */
  readonly date: string
  readonly delay: string
  readonly cron: string
  /** Empty: that of the balancer's process. */
  readonly timezone: string
}

/** The members of a schedule's body that say its time. */
export type Terms =
  | { readonly type: 'cron'; readonly cron: string; readonly timezone?: string }
  | { readonly type: 'interval'; readonly intervalSeconds: number }
  | { readonly type: 'delayed'; readonly delayInSeconds: number }
  | { readonly type: 'scheduled'; readonly date: string }

export const MINUTE_STEPS = ['1', '2', '3', '4', '5', '6', '10', '12', '15', '20', '30'] as const
export const HOUR_STEPS = ['1', '2', '3', '4', '6', '8', '12'] as const

export function emptyPicker(timezone: string): PickerState {
  return {
    kind: 'daily',
    everyMinutes: '15',
    everyHours: '1',
    minute: '0',
    time: '08:00',
    days: [1, 2, 3, 4, 5],
    day: '1',
    seconds: '90',
    date: '',
    delay: '60',
    cron: '0 8 * * MON-FRI',
    timezone,
  }
}

/** A schedule that is there, ready to be changed. */
export function pickerOf(schedule: ScheduleView): PickerState {
  const given = emptyPicker(schedule.timezone ?? '')
  switch (schedule.type) {
    case 'cron':
      return ofCron(schedule.cron ?? '', given)
    case 'interval':
      return { ...given, kind: 'interval', seconds: String(schedule.intervalSeconds ?? '') }
    case 'delayed':
      return { ...given, kind: 'delay', delay: String(schedule.delayInSeconds ?? '') }
    case 'scheduled':
      return { ...given, kind: 'once', date: toLocal(schedule.date ?? '') }
  }
}

function ofCron(cron: string, given: PickerState): PickerState {
  const shape = shapeOf(cron)
  const found = shape && ofShape(shape, { ...given, cron })
  // One that the form would write in another way stays an expression.
  return found ?? { ...given, kind: 'cron', cron }
}

function ofShape(shape: Shape, given: PickerState): PickerState | null {
  switch (shape.kind) {
    case 'minutes':
      return { ...given, kind: 'minutes', everyMinutes: String(shape.every) }
    case 'hourly':
      return { ...given, kind: 'hourly', everyHours: String(shape.every), minute: String(shape.minute) }
    case 'daily':
      return { ...given, kind: 'daily', time: shape.time }
    case 'weekly':
      return { ...given, kind: 'weekly', days: shape.days, time: shape.time }
    case 'monthly':
      return { ...given, kind: 'monthly', day: String(shape.day), time: shape.time }
    default:
      return null
  }
}

/** What the balancer is asked; null while the form is not filled. */
export function termsOf(state: PickerState): Terms | null {
  switch (state.kind) {
    case 'interval': {
      const intervalSeconds = wholeOf(state.seconds, 1)
      return intervalSeconds === null ? null : { type: 'interval', intervalSeconds }
    }
    case 'delay': {
      const delayInSeconds = wholeOf(state.delay, 0)
      return delayInSeconds === null ? null : { type: 'delayed', delayInSeconds }
    }
    case 'once': {
      const ms = Date.parse(state.date)
      return Number.isNaN(ms) ? null : { type: 'scheduled', date: new Date(ms).toISOString() }
    }
    default: {
      const cron = cronIn(state)
      if (cron === null) return null
      return { type: 'cron', cron, ...(state.timezone === '' ? {} : { timezone: state.timezone }) }
    }
  }
}

/** The expression that the form stands for; null where it stands for none. */
export function cronIn(state: PickerState): string | null {
  if (state.kind === 'cron') return state.cron.trim() === '' ? null : state.cron.trim()
  const shape = shapeIn(state)
  return shape && cronOf(shape)
}

function shapeIn({ kind, everyMinutes, everyHours, minute, time, days, day }: PickerState): Shape | null {
  const isTime = /^\d\d:\d\d$/.test(time)
  switch (kind) {
    case 'minutes':
      return { kind, every: Number(everyMinutes) }
    case 'hourly': {
      const at = wholeOf(minute, 0, 59)
      return at === null ? null : { kind, every: Number(everyHours), minute: at }
    }
    case 'daily':
      return isTime ? { kind, time } : null
    case 'weekly':
      if (!isTime || days.length === 0) return null
      return days.length === 7
        ? { kind: 'daily', time }
        : { kind, days: days.toSorted((a, b) => a - b), time }
    case 'monthly': {
      const date = wholeOf(day, 1, 31)
      return date === null || !isTime ? null : { kind, day: date, time }
    }
    default:
      return null
  }
}

function wholeOf(word: string, min: number, max = 366 * 86_400): number | null {
  const value = Number(word)
  return /^\d+$/.test(word.trim()) && value >= min && value <= max ? value : null
}

/** As a field of date and time takes it: without zone, to the second. */
function toLocal(instant: string): string {
  const ms = Date.parse(instant)
  if (Number.isNaN(ms)) return ''
  return new Date(ms - new Date(ms).getTimezoneOffset() * 60_000).toISOString().slice(0, 19)
}
