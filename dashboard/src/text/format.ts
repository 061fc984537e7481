/**
 * Figures as words. Null is unknown and always a dash, never zero. Text that came from workers or
 * logs passes `visible`, which escapes what a terminal or a text direction would act upon.
 */
import { text } from './text.ts'

const whole = new Intl.NumberFormat(text.locale, { maximumFractionDigits: 0 })
const oneDigit = new Intl.NumberFormat(text.locale, { maximumFractionDigits: 1 })
const share = new Intl.NumberFormat(text.locale, { style: 'percent', maximumFractionDigits: 0 })
const clock = new Intl.DateTimeFormat(text.locale, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hour12: false,
})
const minute = new Intl.DateTimeFormat(text.locale, { hour: '2-digit', minute: '2-digit', hour12: false })
const clockMs = new Intl.DateTimeFormat(text.locale, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hour12: false,
})
const dayAndClock = new Intl.DateTimeFormat(text.locale, { dateStyle: 'medium', timeStyle: 'medium' })

export function formatCount(n: number | null): string {
  return n === null ? text.unknown : whole.format(n)
}

/** At most one decimal below 100, none above. */
export function formatRate(n: number | null): string {
  if (n === null) return text.unknown
  return n < 100 ? oneDigit.format(n) : whole.format(n)
}

/** 0 … 1 as per cent. */
/** What is more than nothing never reads as nothing: "< 1%". */
export function formatShare(n: number | null): string {
  if (n === null) return text.unknown
  return n > 0 && n < 0.01 ? `< ${share.format(0.01)}` : share.format(n)
}

export function formatMs(n: number | null): string {
  return n === null
    ? text.unknown
    : text.kit.units.milliseconds(n < 10 ? oneDigit.format(n) : whole.format(n))
}

/** A span in its largest whole unit: "12 s", "4 min", "3 h", "2 d". */
export function formatSeconds(n: number | null): string {
  if (n === null) return text.unknown
  if (n < 60) return text.kit.units.seconds(whole.format(Math.floor(n)))
  if (n < 3_600) return text.kit.units.minutes(whole.format(Math.floor(n / 60)))
  if (n < 86_400) return text.kit.units.hours(whole.format(Math.floor(n / 3_600)))
  return text.kit.units.days(whole.format(Math.floor(n / 86_400)))
}

/** Unix seconds as a time of day, in the browser's zone. */
export function formatClock(seconds: number): string {
  return clock.format(seconds * 1_000)
}

/** Unix seconds as hours and minutes. */
export function formatMinute(seconds: number): string {
  return minute.format(seconds * 1_000)
}

/** An instant of a log line, to the millisecond; the text itself when it is no instant. */
export function formatLogTime(at: string): string {
  const ms = Date.parse(at)
  return Number.isNaN(ms) ? visible(at) : clockMs.format(ms)
}

/** A server's instant: the time of day when it is of today, with the date otherwise. */
export function formatInstant(at: string | null, nowMs = Date.now()): string | null {
  if (at === null) return null
  const ms = Date.parse(at)
  if (Number.isNaN(ms)) return visible(at)
  const isToday = new Date(ms).toDateString() === new Date(nowMs).toDateString()
  return isToday ? clock.format(ms) : dayAndClock.format(ms)
}

/** A span to two units: "840 ms", "12.4 s", "3 min 20 s", "2 h 5 min", "4 d 3 h". */
export function formatDuration(ms: number | null): string {
  if (ms === null || Number.isNaN(ms)) return text.unknown
  const { units } = text.kit
  if (ms < 1_000) return units.milliseconds(ms < 10 ? oneDigit.format(ms) : whole.format(ms))
  if (ms < 60_000) return units.seconds(oneDigit.format(Math.floor(ms / 100) / 10))
  if (ms < 3_600_000) return pairOf(ms, 60_000, units.minutes, 1_000, units.seconds)
  if (ms < 86_400_000) return pairOf(ms, 3_600_000, units.hours, 60_000, units.minutes)
  return pairOf(ms, 86_400_000, units.days, 3_600_000, units.hours)
}

type UnitWord = (n: string) => string

function pairOf(ms: number, bigMs: number, big: UnitWord, smallMs: number, small: UnitWord): string {
  const head = big(whole.format(Math.floor(ms / bigMs)))
  const rest = Math.floor((ms % bigMs) / smallMs)
  return rest === 0 ? head : `${head} ${small(whole.format(rest))}`
}

type Zone = 'local' | 'utc'
const zoned = new Map<string, Intl.DateTimeFormat>()

/** A time of day when it is of today in that zone, with the date otherwise; `isExact` with milliseconds. */
export function formatInstantIn(
  ms: number,
  zone: Zone,
  { isExact = false, nowMs = Date.now() }: { readonly isExact?: boolean; readonly nowMs?: number } = {},
): string {
  const isToday = formatterOf(zone, 'day').format(ms) === formatterOf(zone, 'day').format(nowMs)
  const time = formatterOf(zone, isExact ? 'exact' : 'clock').format(ms)
  return isToday ? time : `${formatterOf(zone, 'day').format(ms)}, ${time}`
}

function formatterOf(zone: Zone, form: 'clock' | 'exact' | 'day'): Intl.DateTimeFormat {
  const key = `${zone} ${form}`
  const known = zoned.get(key)
  if (known) return known
  const parts: Intl.DateTimeFormatOptions =
    form === 'day'
      ? { dateStyle: 'medium' }
      : { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }
  if (form === 'exact') parts.fractionalSecondDigits = 3
  const made = new Intl.DateTimeFormat(text.locale, {
    ...parts,
    timeZone: zone === 'utc' ? 'UTC' : undefined,
  })
  zoned.set(key, made)
  return made
}

const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '\0': '\\0' }

/** Control, format and direction characters as escapes that one can see. */
export function visible(raw: string): string {
  return raw.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (character) => named[character] ?? escapeOf(character),
  )
}

function escapeOf(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
}
