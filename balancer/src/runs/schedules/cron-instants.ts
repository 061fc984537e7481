/**
 * When a cron expression fires in a zone. Pure. Called by instants.ts.
 *
 * A fixed time fires at the first instant at which clocks show it, or, when they never do because they are put
 * forward past it, at that very change; several such times are one instant and fire once. What steps by an hour or
 * less fires whenever clocks show it: twice in an hour that comes twice, not at all in one that is left out.
 * "Local" milliseconds here are what the clocks show, written as if it were UTC.
 */
import type { CronFields } from './cron-text.ts'
import type { Zone } from './zone.ts'

const SECOND_MS = 1_000
const DAY_MS = 86_400_000
/** Longer than any rest of a zone between a change and the next, and than any clock differs from UTC. */
const NEAR_MS = 36 * 3_600_000
/** 29 February comes on each day of the week within 40 years. */
const HORIZON_YEARS = 41
/** Of Date; dates of four figures. */
const LAST_MS = Date.UTC(9999, 11, 31)

/** The first instant behind `afterMs`; null when there is none that a date of four figures can name. */
export function nextCronInstant(fields: CronFields, zone: Zone, afterMs: number): number | null {
  const fromMs = Math.floor(afterMs / SECOND_MS) * SECOND_MS + SECOND_MS
  if (fromMs > LAST_MS) return null
  const next = fields.isStepping ? nextStep(fields, zone, fromMs) : nextFixed(fields, zone, afterMs)
  return next === undefined || next > LAST_MS ? null : next
}

function nextStep(fields: CronFields, zone: Zone, fromMs: number): number | undefined {
  for (let at = fromMs; ; ) {
    const offset = zone.offsetAt(at)
    const local = nextLocal(fields, at + offset)
    if (local === undefined) return undefined
    const instant = local - offset
    const change = zone.changeBetween(at, instant)
    if (!change) return instant
    at = change.atMs
  }
}

function nextFixed(fields: CronFields, zone: Zone, afterMs: number): number | undefined {
  const shown = Math.floor((afterMs + zone.offsetAt(afterMs)) / SECOND_MS) * SECOND_MS
  for (let from = shown + SECOND_MS; ; ) {
    const local = nextLocal(fields, from)
    if (local === undefined) return undefined
    const instant = instantOf(local, zone)
    // In an hour that comes again all of its times have been.
    if (instant > afterMs) return instant
    from = local + SECOND_MS
  }
}

/** The first instant at which clocks show it, or that of the change that leaves it out. */
function instantOf(local: number, zone: Zone): number {
  let start = local - NEAR_MS
  let offset = zone.offsetAt(start)
  for (;;) {
    const change = zone.changeBetween(start, local + NEAR_MS)
    const isShown = !change || local < change.atMs + offset
    if (isShown) return Math.max(local - offset, start)
    start = change.atMs
    offset = change.after
  }
}

/** The first local time not before `fromLocal` that the fields name. */
function nextLocal(fields: CronFields, fromLocal: number): number | undefined {
  const lastYear = new Date(fromLocal).getUTCFullYear() + HORIZON_YEARS
  let day = Math.floor(fromLocal / DAY_MS) * DAY_MS
  let second: number | undefined = nextOfDay(fields, (fromLocal - day) / SECOND_MS)
  for (;;) {
    const found = nextDay(fields, second === undefined ? day + DAY_MS : day, lastYear)
    if (found === undefined) return undefined
    if (second === undefined || found > day) second = nextOfDay(fields, 0)
    if (second !== undefined) return found + second * SECOND_MS
    day = found
  }
}

/** The first second of a day, counted from its midnight, not before `from`. */
function nextOfDay({ hour, minute, second }: CronFields, from: number): number | undefined {
  const wanted = [Math.floor(from / 3_600), Math.floor(from / 60) % 60, from % 60] as const
  const h = hour.next[wanted[0]] ?? -1
  if (h < 0) return undefined
  const firstOfHour = h * 3_600 + minute.first * 60 + second.first
  if (h > wanted[0]) return firstOfHour
  const m = minute.next[wanted[1]] ?? -1
  const s = m === wanted[1] ? (second.next[wanted[2]] ?? -1) : second.first
  if (m >= 0 && s >= 0) return h * 3_600 + m * 60 + s
  const later = m < 0 ? -1 : (minute.next[m + 1] ?? -1)
  if (later >= 0) return h * 3_600 + later * 60 + second.first
  const nextHour = hour.next[h + 1] ?? -1
  return nextHour < 0 ? undefined : nextHour * 3_600 + minute.first * 60 + second.first
}

/** The first midnight not before `from`, itself one, of a day that the fields name. */
function nextDay(fields: CronFields, from: number, lastYear: number): number | undefined {
  const date = new Date(from)
  while (date.getUTCFullYear() <= lastYear) {
    const month = date.getUTCMonth() + 1
    const wanted = fields.month.next[month] ?? -1
    if (wanted !== month) {
      // Past December: January of the next year.
      date.setUTCMonth(wanted < 0 ? 12 : wanted - 1, 1)
      continue
    }
    if (isNamed(fields, date)) return date.getTime()
    date.setUTCDate(date.getUTCDate() + 1)
  }
  return undefined
}

function isNamed({ dayOfMonth, dayOfWeek, isEitherDay }: CronFields, date: Date): boolean {
  const [dom, dow] = [date.getUTCDate(), date.getUTCDay()]
  const isDate = dayOfMonth.next[dom] === dom
  const isWeekday = dayOfWeek.next[dow] === dow
  return isEitherDay ? isDate || isWeekday : isDate && isWeekday
}
