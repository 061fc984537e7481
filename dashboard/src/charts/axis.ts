/** Marks of the axes: round instants in the chosen zone, round values, decades of a logarithmic scale. Pure. */
import type { Zone } from '../shell/zone.ts'
import { text } from '../text/text.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const STEPS = [
  5 * SECOND,
  15 * SECOND,
  30 * SECOND,
  MINUTE,
  2 * MINUTE,
  5 * MINUTE,
  10 * MINUTE,
  15 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  3 * HOUR,
  6 * HOUR,
  12 * HOUR,
  DAY,
  2 * DAY,
  7 * DAY,
  14 * DAY,
  30 * DAY,
]

/** Round instants, at most `most` of them. */
export function timeTicks(fromMs: number, toMs: number, zone: Zone, most: number): number[] {
  const step = STEPS.find((one) => (toMs - fromMs) / one <= most) ?? 90 * DAY
  const ticks: number[] = []
  const aligned = (ms: number) => Math.ceil((ms + offsetOf(ms, zone)) / step) * step - offsetOf(ms, zone)
  // Where a clock changes the hour is another, so that each mark is found anew.
  for (let at = aligned(fromMs); at <= toMs && ticks.length <= most; at = aligned(at + 1)) ticks.push(at)
  return ticks
}

/** Marks lie between whole minutes. */
export function haveSeconds(ticks: readonly number[]): boolean {
  return ticks.some((ms) => ms % MINUTE !== 0)
}

function offsetOf(ms: number, zone: Zone): number {
  return zone === 'utc' ? 0 : -new Date(ms).getTimezoneOffset() * MINUTE
}

const formats = new Map<string, Intl.DateTimeFormat>()

function format(ms: number, zone: Zone, form: string, options: Intl.DateTimeFormatOptions): string {
  const key = `${zone} ${form}`
  const known =
    formats.get(key) ??
    new Intl.DateTimeFormat(text.locale, { ...options, timeZone: zone === 'utc' ? 'UTC' : undefined })
  formats.set(key, known)
  return known.format(ms)
}

/** A mark of a range that long: the day at midnight and over long ranges, seconds where marks lie on them. */
export function formatTick(ms: number, spanMs: number, zone: Zone, hasSeconds = false): string {
  const isMidnight = (ms + offsetOf(ms, zone)) % DAY === 0
  if (spanMs > 5 * DAY || (isMidnight && spanMs > 2 * HOUR))
    return format(ms, zone, 'day', { day: 'numeric', month: 'short' })
  if (hasSeconds)
    return format(ms, zone, 'second', {
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      hour12: false,
    })
  return format(ms, zone, 'minute', { hour: '2-digit', minute: '2-digit', hour12: false })
}

/** A bucket's instant, as exact as buckets are wide. */
export function formatBucket(ms: number, stepMs: number, zone: Zone): string {
  const options: Intl.DateTimeFormatOptions = {
    month: 'short',
    day: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
    hour12: false,
  }
  return stepMs < MINUTE
    ? format(ms, zone, 'exact', { ...options, second: '2-digit' })
    : format(ms, zone, 'bucket', options)
}

/** From 0 to a round value that is not below `most`, in at most so many steps. */
export function valueTicks(most: number, isWhole: boolean, steps = 5): number[] {
  if (!(most > 0)) return [0, 1]
  const raw = most / steps
  const decade = 10 ** Math.floor(Math.log10(raw))
  const rounds = isWhole && decade < 10 ? [1, 2, 5, 10] : [1, 2, 2.5, 5, 10]
  const round = rounds.find((one) => one * decade >= raw * (1 - 1e-9)) ?? 10
  const step = isWhole ? Math.max(1, Math.ceil(round * decade)) : round * decade
  const count = Math.max(1, Math.ceil(most / step - 1e-9))
  return Array.from({ length: count + 1 }, (_, at) => Number((at * step).toPrecision(12)))
}

/** Whole decades around all values, at least two. */
export function logTicks(least: number, most: number): number[] {
  const from = Math.floor(Math.log10(Math.max(least, 1e-4)) + 1e-9)
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(most, 1e-4)) - 1e-9))
  return Array.from({ length: to - from + 1 }, (_, at) => 10 ** (from + at))
}
