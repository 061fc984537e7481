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
export function formatShare(n: number | null): string {
  return n === null ? text.unknown : share.format(n)
}

export function formatMs(n: number | null): string {
  return n === null ? text.unknown : text.units.milliseconds(n < 10 ? oneDigit.format(n) : whole.format(n))
}

/** A span in its largest whole unit: "12 s", "4 min", "3 h", "2 d". */
export function formatSeconds(n: number | null): string {
  if (n === null) return text.unknown
  if (n < 60) return text.units.seconds(whole.format(Math.floor(n)))
  if (n < 3_600) return text.units.minutes(whole.format(Math.floor(n / 60)))
  if (n < 86_400) return text.units.hours(whole.format(Math.floor(n / 3_600)))
  return text.units.days(whole.format(Math.floor(n / 86_400)))
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
