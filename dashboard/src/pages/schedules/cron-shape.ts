/**
 * What a cron expression means, as far as it is one of those that people say in a sentence; and the expression of
 * such a meaning. Pure. Anything else stays an expression: a sentence that is only nearly true is never made.
 */

export type Shape =
  | { readonly kind: 'seconds'; readonly every: number }
  | { readonly kind: 'minutes'; readonly every: number }
  /** `every` hours, at a minute. */
  | { readonly kind: 'hourly'; readonly every: number; readonly minute: number }
  | { readonly kind: 'daily'; readonly time: string }
  /** Days of the week, 0 is Sunday; rising, at least one, not all. */
  | { readonly kind: 'weekly'; readonly days: readonly number[]; readonly time: string }
  | { readonly kind: 'monthly'; readonly day: number; readonly time: string }
  | { readonly kind: 'yearly'; readonly month: number; readonly day: number; readonly time: string }

const DAY_NAMES = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
const MONTH_NAMES = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']

/** Null where no sentence says it. */
export function shapeOf(cron: string): Shape | null {
  const fields = cron.trim().toUpperCase().split(/\s+/)
  if (fields.length === 6) return shapeOfSix(fields)
  if (fields.length !== 5) return null
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields
  if (day === '*' && month === '*' && weekday === '*') return shapeOfTime(minute, hour)
  const time = timeOf(minute, hour)
  return time === null ? null : shapeOfDays(day, month, weekday, time)
}

/** With seconds: every so many of them, or those at second 0 as without. */
function shapeOfSix([second = '', ...rest]: readonly string[]): Shape | null {
  if (second === '0' || second === '00') return shapeOf(rest.join(' '))
  const every = stepOf(second, 60)
  return every !== null && rest.every((field) => field === '*') ? { kind: 'seconds', every } : null
}

function shapeOfTime(minute: string, hour: string): Shape | null {
  if (hour === '*') {
    const every = stepOf(minute, 60)
    if (every !== null) return { kind: 'minutes', every }
  }
  const at = numberOf(minute, 0, 59)
  if (at === null) return null
  const every = stepOf(hour, 24)
  if (every !== null) return { kind: 'hourly', every, minute: at }
  const time = timeOf(minute, hour)
  return time === null ? null : { kind: 'daily', time }
}

function shapeOfDays(day: string, month: string, weekday: string, time: string): Shape | null {
  if (day === '*' && month === '*') {
    const days = daysOf(weekday)
    if (days === null) return null
    return days.length === 7 ? { kind: 'daily', time } : { kind: 'weekly', days, time }
  }
  if (weekday !== '*') return null
  const date = numberOf(day, 1, 31)
  if (date === null) return null
  if (month === '*') return { kind: 'monthly', day: date, time }
  const at = MONTH_NAMES.indexOf(month) + 1 || numberOf(month, 1, 12)
  return at ? { kind: 'yearly', month: at, day: date, time } : null
}

/** `*` is every one; a step is told only when it comes round evenly, or it would be a lie at the full hour. */
function stepOf(field: string, length: number): number | null {
  if (field === '*') return 1
  const step = numberOf(/^(?:\*|0-(?:59|23))\/(\d{1,2})$/.exec(field)?.[1] ?? '', 1, length - 1)
  return step !== null && length % step === 0 ? step : null
}

function numberOf(field: string, min: number, max: number): number | null {
  if (!/^\d{1,2}$/.test(field)) return null
  const value = Number(field)
  return value >= min && value <= max ? value : null
}

function timeOf(minute: string, hour: string): string | null {
  const [m, h] = [numberOf(minute, 0, 59), numberOf(hour, 0, 23)]
  return m === null || h === null ? null : `${pad(h)}:${pad(m)}`
}

function daysOf(field: string): readonly number[] | null {
  const days = new Set<number>()
  for (const part of field.split(',')) {
    const [from = '', to, more] = part.split('-')
    const first = dayOf(from)
    const last = to === undefined ? first : dayOf(to, true)
    if (first === null || last === null || last < first || more !== undefined) return null
    for (let day = first; day <= last; day++) days.add(day % 7)
  }
  return days.size === 0 ? null : [...days].sort((a, b) => a - b)
}

/** Sunday at the end of a range is the seventh. */
function dayOf(word: string, isEnd = false): number | null {
  const named = DAY_NAMES.indexOf(word)
  const day = named >= 0 ? named : numberOf(word, 0, 7)
  return day === 0 && isEnd ? 7 : day
}

/** The expression, of five fields but for seconds. */
export function cronOf(shape: Shape): string {
  switch (shape.kind) {
    case 'seconds':
      return `${step(shape.every)} * * * * *`
    case 'minutes':
      return `${step(shape.every)} * * * *`
    case 'hourly':
      return `${shape.minute} ${step(shape.every)} * * *`
    case 'daily':
      return `${fieldsOf(shape.time)} * * *`
    case 'weekly':
      return `${fieldsOf(shape.time)} * * ${dayField(shape.days)}`
    case 'monthly':
      return `${fieldsOf(shape.time)} ${shape.day} * *`
    case 'yearly':
      return `${fieldsOf(shape.time)} ${shape.day} ${shape.month} *`
  }
}

function step(every: number): string {
  return every === 1 ? '*' : `*/${every}`
}

/** `08:30` as `30 8`. */
function fieldsOf(time: string): string {
  const [hour = '0', minute = '0'] = time.split(':')
  return `${Number(minute)} ${Number(hour)}`
}

function dayField(days: readonly number[]): string {
  if (days.join() === '1,2,3,4,5') return 'MON-FRI'
  return days.map((day) => DAY_NAMES[day]).join(',')
}

function pad(n: number): string {
  return String(n).padStart(2, '0')
}
