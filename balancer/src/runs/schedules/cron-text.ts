/**
 * Reads a cron expression: five fields (minute, hour, day of month, month, day of week) or six (a second before
 * them). Pure. Called by instants.ts; docs/schedules.md tells users the dialect.
 * Invariant: what has no single meaning, or none, is refused with what to write instead; an expression that is
 * accepted fires sooner or later.
 */

/** `next[i]` is the least member that is not below `i`, or -1. */
export interface CronSet {
  readonly first: number
  readonly next: Int8Array
}

export interface CronFields {
  readonly second: CronSet
  readonly minute: CronSet
  readonly hour: CronSet
  readonly dayOfMonth: CronSet
  /** 1 to 12. */
  readonly month: CronSet
  /** 0, Sunday, to 6. */
  readonly dayOfWeek: CronSet
  /** A day matches when either of its fields does; both must unless both name days. */
  readonly isEitherDay: boolean
  /**
   * It steps by an hour or less (`*` or `/n` in seconds or minutes, every hour): such expressions go by the real
   * time when a clock is changed, all others name fixed times.
   */
  readonly isStepping: boolean
}

export type ReadCron =
  | { readonly ok: true; readonly fields: CronFields }
  | { readonly ok: false; readonly detail: string }

interface Field {
  readonly name: string
  readonly min: number
  readonly max: number
  readonly names?: readonly string[]
  /** What the first of `names` stands for. */
  readonly firstName?: number
}

/** A field as it was read. */
interface Part {
  readonly set: CronSet
  /** Begins with `*`. */
  readonly isAny: boolean
  /** The least step that it writes, `*` being one of 1; undefined for none. */
  readonly step: number | undefined
}

const MAX_LENGTH = 256
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT']
const SECOND: Field = { name: 'second', min: 0, max: 59 }
const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59 },
  { name: 'hour', min: 0, max: 23 },
  { name: 'day of month', min: 1, max: 31 },
  { name: 'month', min: 1, max: 12, names: MONTHS, firstName: 1 },
  // 7 is Sunday as well, and what a range to Sunday ends with.
  { name: 'day of week', min: 0, max: 7, names: DAYS, firstName: 0 },
]
const LONGEST_MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Thrown and caught here alone. */
class Refusal extends Error {}

export function readCron(text: string): ReadCron {
  try {
    return { ok: true, fields: read(text) }
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, detail: error.message }
    throw error
  }
}

function read(text: string): CronFields {
  if (text.length > MAX_LENGTH) throw new Refusal(`must have at most ${MAX_LENGTH} characters`)
  const words = text.trim().split(/[ \t]+/)
  if (text.trim().startsWith('@'))
    throw new Refusal('must be five or six fields; names such as @daily are not taken, write `0 0 * * *`')
  if (words.length !== 5 && words.length !== 6)
    throw new Refusal(
      `must have five fields (minute, hour, day of month, month, day of week) or six (a second first), and has ${text.trim() === '' ? 0 : words.length}`,
    )
  const fields = words.length === 6 ? [SECOND, ...FIELDS] : FIELDS
  const parts = fields.map((field, at) => readField(words[at] ?? '', field))
  if (parts.length === 5) parts.unshift(AT_ZERO)
  const [second, minute, hour, dayOfMonth, month, dayOfWeek] = parts as [Part, Part, Part, Part, Part, Part]
  const isEitherDay = !dayOfMonth.isAny && !dayOfWeek.isAny
  if (!isEitherDay) refuseImpossible(dayOfMonth.set, month.set)
  return {
    second: second.set,
    minute: minute.set,
    hour: hour.set,
    dayOfMonth: dayOfMonth.set,
    month: month.set,
    dayOfWeek: dayOfWeek.set,
    isEitherDay,
    isStepping: second.step !== undefined || minute.step !== undefined || hour.step === 1,
  }
}

function readField(word: string, field: Field): Part {
  const members = new Set<number>()
  let step: number | undefined
  for (const item of word.split(',')) {
    const read = readItem(item, field)
    for (let value = read.from; value <= read.to; value += read.step ?? 1) members.add(value)
    if (read.step !== undefined) step = Math.min(step ?? read.step, read.step)
  }
  if (field.max === 7 && members.delete(7)) members.add(0)
  return { set: toSet(members), isAny: word.startsWith('*'), step }
}

const ITEM = /^(?:(\*)|([0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?)(?:\/([0-9]+))?$/

/** `step` is undefined where none is written; `*` is every one of its field. */
function readItem(item: string, field: Field): { from: number; to: number; step: number | undefined } {
  const match = ITEM.exec(item)
  if (!match) throw new Refusal(describeWrong(item, field))
  const [, star, low, high, stepText] = match
  const step = stepText === undefined ? undefined : readStep(stepText, field)
  if (star) return { from: field.min, to: field.max === 7 ? 6 : field.max, step: step ?? 1 }
  const from = readValue(low ?? '', field)
  // `5/15` goes on to the end of its field.
  if (high === undefined) return { from, to: step === undefined ? from : lastOf(field, from), step }
  const end = readValue(high, field)
  const to = field.max === 7 && from > 0 && high.toUpperCase() === 'SUN' ? 7 : end
  if (from > to)
    throw new Refusal(
      `has a range that runs backwards in its ${field.name}: "${item}"; write the two ends of it apart, such as ${from}-${field.max},${field.min}-${to}`,
    )
  return { from, to, step }
}

function lastOf({ max }: Field, from: number): number {
  return max === 7 ? Math.max(6, from) : max
}

function readStep(text: string, { name, max }: Field): number {
  const step = Number(text)
  if (step >= 1 && step <= max) return step
  throw new Refusal(`has a step in its ${name} that is not one of 1 to ${max}: "/${text.slice(0, 16)}"`)
}

function readValue(text: string, field: Field): number {
  const { name, min, max, names = [], firstName = 0 } = field
  if (/^[0-9]{1,3}$/.test(text)) {
    const value = Number(text)
    if (value >= min && value <= max) return value
    throw new Refusal(`has a ${name} that is not one of ${min} to ${max}: "${text}"`)
  }
  const at = names.indexOf(text.toUpperCase())
  if (at >= 0) return at + firstName
  throw new Refusal(describeWrong(text, field))
}

function describeWrong(text: string, { name, min, max, names }: Field): string {
  const shown = JSON.stringify(text.slice(0, 32))
  const isFancy = /[?#@LlWw]/.test(text) && !names?.includes(text.toUpperCase())
  if (isFancy)
    return `has a ${name} that this dialect does not know: ${shown}; L, W, #, ? and @ are not taken`
  const words = names ? ` or names such as ${names[1]}` : ''
  return `has a ${name} that is none: ${shown}; it takes *, numbers from ${min} to ${max}${words}, ranges (1-5), lists (1,3) and steps (*/2)`
}

function refuseImpossible(days: CronSet, months: CronSet): void {
  const isPossible = LONGEST_MONTHS.some(
    (length, at) => months.next[at + 1] === at + 1 && days.first <= length,
  )
  if (!isPossible) throw new Refusal('names a date that no year has, such as 30 February')
}

function toSet(members: ReadonlySet<number>): CronSet {
  const next = new Int8Array(61).fill(-1)
  for (let at = 59; at >= 0; at--) next[at] = members.has(at) ? at : (next[at + 1] ?? -1)
  return { first: next[0] ?? -1, next }
}

const AT_ZERO: Part = { set: toSet(new Set([0])), isAny: false, step: undefined }
