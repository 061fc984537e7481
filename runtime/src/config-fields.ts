/**
 * Owns the zod builders for single environment values: each turns a text into what the program works with.
 * Used in the schemas of each process's `config.ts`. Every builder takes an optional `default`; without one
 * the variable is required unless the schema adds `.optional()` or `.default(…)`.
 * Invariant: a value that is not understood to the last character is refused, with what would be right.
 */
import { z } from 'zod'

export type Field<T> = z.ZodType<T, string>
export type DefaultedField<T> = z.ZodDefault<Field<T>>

type WithDefault<O, D> = O & { default: D }
type Parsed<T> = { value: T } | { problem: string }

function field<T>(parse: (value: string) => Parsed<T>): Field<T> {
  return z.string().transform((value, context) => {
    const parsed = parse(value)
    if ('value' in parsed) return parsed.value
    context.addIssue({ code: 'custom', message: parsed.problem })
    return z.NEVER
  })
}

function withDefault<T>(base: Field<T>, value: T | undefined): Field<T> | DefaultedField<T> {
  return value === undefined ? base : base.default(value as z.util.NoUndefined<T>)
}

export type TextOptions = { maxLength?: number; pattern?: RegExp; default?: string }

/** Any text, at most 8,192 characters unless said otherwise. */
export function text(options: WithDefault<TextOptions, string>): DefaultedField<string>
export function text(options?: TextOptions): Field<string>
export function text({ maxLength = 8192, pattern, default: fallback }: TextOptions = {}) {
  const base = field<string>((value) => {
    if (value.length > maxLength) return { problem: `must have at most ${maxLength} characters` }
    if (pattern !== undefined && !pattern.test(value)) return { problem: `must match ${pattern.source}` }
    return { value }
  })
  return withDefault(base, fallback)
}

export type IntegerOptions = { min?: number; max?: number; default?: number }

/** A whole number in decimal digits, within `min` … `max` (default 0 … 2^53 − 1). */
export function integer(options: WithDefault<IntegerOptions, number>): DefaultedField<number>
export function integer(options?: IntegerOptions): Field<number>
export function integer({ min = 0, max = Number.MAX_SAFE_INTEGER, default: fallback }: IntegerOptions = {}) {
  const base = field<number>((value) => {
    const number = Number(value)
    if (/^\s*-?\d{1,16}\s*$/.test(value) && number >= min && number <= max) return { value: number }
    return { problem: `must be a whole number ${describeRange(min, max)}` }
  })
  return withDefault(base, fallback)
}

/** A TCP port, 0 … 65535; 0 lets the system choose. */
export function port(options: { default: number }): DefaultedField<number>
export function port(options?: { default?: number }): Field<number>
export function port({ default: fallback }: { default?: number } = {}) {
  const base = field<number>((value) => {
    const number = Number(value)
    if (/^\s*\d{1,5}\s*$/.test(value) && number <= 65_535) return { value: number }
    return { problem: 'must be a port number from 0 to 65535' }
  })
  return withDefault(base, fallback)
}

const DURATION_UNITS_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** Timers of Node fire at once beyond this, so longer durations must be asked for by `max`. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Defaults and bounds are milliseconds, or text such as `30s`. */
export type DurationOptions = { min?: number; max?: number; default?: number | string }

/** A duration in milliseconds: `250`, `30s`, `5m`, `24h`, `7d`; at most 24.8 days unless `max` says otherwise. */
export function durationMs(options: WithDefault<DurationOptions, number | string>): DefaultedField<number>
export function durationMs(options?: DurationOptions): Field<number>
export function durationMs({ min = 0, max = LONGEST_TIMER_MS, default: fallback }: DurationOptions = {}) {
  const example = 'must be milliseconds or a number with ms, s, m, h or d, such as 30s'
  const base = field<number>((value) =>
    parseQuantity(value, DURATION_UNITS_MS, { min, max, example, unit: ' ms' }),
  )
  return withDefault(base, parseFallback(base, fallback))
}

const SIZE_UNITS_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1024,
  mb: 1024 ** 2,
  gb: 1024 ** 3,
}

/** Defaults and bounds are bytes, or text such as `10mb`. */
export type SizeOptions = { min?: number; max?: number; default?: number | string }

/** A size in bytes: `4096`, `256kb`, `10mb`, `1gb`, each step 1,024 times the one before. */
export function sizeBytes(options: WithDefault<SizeOptions, number | string>): DefaultedField<number>
export function sizeBytes(options?: SizeOptions): Field<number>
export function sizeBytes({ min = 0, max = Number.MAX_SAFE_INTEGER, default: fallback }: SizeOptions = {}) {
  const example = 'must be bytes or a number with kb, mb or gb, such as 10mb'
  const base = field<number>((value) =>
    parseQuantity(value, SIZE_UNITS_BYTES, { min, max, example, unit: ' bytes' }),
  )
  return withDefault(base, parseFallback(base, fallback))
}

const FLAGS: Readonly<Record<string, boolean>> = Object.freeze({
  true: true,
  '1': true,
  yes: true,
  on: true,
  false: false,
  '0': false,
  no: false,
  off: false,
})

/** A switch: true, 1, yes, on, or false, 0, no, off; upper case counts the same. */
export function flag(options: { default: boolean }): DefaultedField<boolean>
export function flag(options?: { default?: boolean }): Field<boolean>
export function flag({ default: fallback }: { default?: boolean } = {}) {
  const base = field<boolean>((value) => {
    const word = value.trim().toLowerCase()
    if (Object.hasOwn(FLAGS, word)) return { value: FLAGS[word] as boolean }
    return { problem: 'must be true or false (1, 0, yes, no, on and off are understood too)' }
  })
  return withDefault(base, fallback)
}

/** Texts separated by commas; blanks around them and empty ones are left out. */
export function list(options: { default: readonly string[] }): DefaultedField<readonly string[]>
export function list(options?: { default?: readonly string[] }): Field<readonly string[]>
export function list({ default: fallback }: { default?: readonly string[] } = {}) {
  const base = field<readonly string[]>((value) => ({
    value: value
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  }))
  return withDefault(base, fallback)
}

/** One of the given words. */
export function oneOf<const W extends string>(
  words: readonly W[],
  options: { default: NoInfer<W> },
): DefaultedField<W>
export function oneOf<const W extends string>(
  words: readonly W[],
  options?: { default?: NoInfer<W> },
): Field<W>
export function oneOf<const W extends string>(
  words: readonly W[],
  { default: fallback }: { default?: W } = {},
) {
  const base = field<W>((value) => {
    const word = words.find((candidate) => candidate === value.trim())
    return word === undefined ? { problem: `must be one of ${words.join(', ')}` } : { value: word }
  })
  return withDefault(base, fallback)
}

type QuantityRules = { min: number; max: number; example: string; unit: string }

function parseQuantity(
  value: string,
  units: Readonly<Record<string, number>>,
  rules: QuantityRules,
): Parsed<number> {
  const match = /^\s*(\d{1,16}(?:\.\d{1,6})?)\s*([a-z]{0,2})\s*$/i.exec(value)
  const unit = (match?.[2] ?? '').toLowerCase()
  const scale = unit === '' ? 1 : Object.hasOwn(units, unit) ? units[unit] : undefined
  if (match === null || scale === undefined) return { problem: rules.example }
  const amount = Number(match[1]) * scale
  if (!Number.isInteger(amount)) return { problem: `${rules.example}, and come to whole${rules.unit}` }
  if (amount < rules.min || amount > rules.max) {
    return { problem: `must lie ${describeRange(rules.min, rules.max)}${rules.unit}` }
  }
  return { value: amount }
}

function parseFallback(base: Field<number>, fallback: number | string | undefined): number | undefined {
  return fallback === undefined ? undefined : base.parse(String(fallback))
}

function describeRange(min: number, max: number): string {
  return max === Number.MAX_SAFE_INTEGER ? `from ${min} up` : `from ${min} to ${max}`
}
