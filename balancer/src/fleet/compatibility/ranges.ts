/**
 * Bounds of numbers, texts, lists and objects, patterns and formats: whether what holds there implies what is
 * asked here. Pure; called by the judge for one pair of schemas at a time.
 * Invariant: a bound that is malformed here is a difference, one that is malformed there is none at all.
 */
import { type Difference, wordValue } from './difference.ts'
import type { ValueType } from './schema.ts'

type Keywords = Record<string, unknown>

const COUNTS = [
  ['string', 'minLength', 'maxLength', 'characters'],
  ['array', 'minItems', 'maxItems', 'items'],
  ['object', 'minProperties', 'maxProperties', 'members'],
] as const
const SAME_TEXT = ['pattern', 'format'] as const

const NUMERIC: readonly string[] = [
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'multipleOf',
  ...COUNTS.flatMap(([, least, most]) => [least, most]),
]

export const RANGE_KEYWORDS: readonly string[] = [...NUMERIC, 'uniqueItems', ...SAME_TEXT]

/** `there` all holds for a value, which is of one of these types. */
export function findRangeDifference(
  there: readonly Keywords[],
  here: Keywords,
  types: ReadonlySet<ValueType>,
  path: string,
): Difference | undefined {
  const isNumber = types.has('integer') || types.has('fraction')
  const malformed = NUMERIC.find((key) => Object.hasOwn(here, key) && typeof here[key] !== 'number')
  if (malformed !== undefined)
    return { path, here: `has a rule that cannot be read (${malformed})`, there: 'something else' }
  return (
    (isNumber ? findNumberDifference(there, here, !types.has('fraction'), path) : undefined) ??
    findCountDifference(there, here, types, path) ??
    (types.has('string') ? findTextDifference(there, here, path) : undefined) ??
    (types.has('array') ? findUniqueDifference(there, here, path) : undefined)
  )
}

interface Bound {
  readonly value: number
  readonly isExclusive: boolean
}

/** `sign` 1 for the lower bound, -1 for the upper, which is the lower one of the negated numbers. */
function boundOf(schemas: readonly Keywords[], sign: 1 | -1, isWhole: boolean): Bound {
  const [inclusive, exclusive] =
    sign === 1 ? (['minimum', 'exclusiveMinimum'] as const) : (['maximum', 'exclusiveMaximum'] as const)
  let bound: Bound = { value: Number.NEGATIVE_INFINITY, isExclusive: false }
  for (const schema of schemas)
    for (const [key, isExclusive] of [
      [inclusive, false],
      [exclusive, true],
    ] as const) {
      const value = schema[key]
      if (typeof value !== 'number') continue
      const next = toWhole({ value: sign * value, isExclusive }, isWhole)
      if (next.value > bound.value || (next.value === bound.value && isExclusive)) bound = next
    }
  return bound
}

/** The least whole number within a bound, where only whole ones count. */
function toWhole(bound: Bound, isWhole: boolean): Bound {
  if (!isWhole) return bound
  const { value, isExclusive } = bound
  return { value: isExclusive ? Math.floor(value) + 1 : Math.ceil(value), isExclusive: false }
}

function findNumberDifference(
  there: readonly Keywords[],
  here: Keywords,
  isWhole: boolean,
  path: string,
): Difference | undefined {
  for (const sign of [1, -1] as const) {
    const mine = boundOf([here], sign, isWhole)
    const theirs = boundOf(there, sign, isWhole)
    const isMet =
      theirs.value > mine.value || (theirs.value === mine.value && (theirs.isExclusive || !mine.isExclusive))
    if (isMet) continue
    const [word, more] = sign === 1 ? ['at least', 'more than'] : ['at most', 'less than']
    const say = ({ value, isExclusive }: Bound) =>
      Number.isFinite(value) ? `${isExclusive ? more : word} ${sign * value}` : 'any'
    return { path, here: `is ${say(mine)}`, there: say(theirs) }
  }
  const step = here.multipleOf
  if (step === undefined || (step === 1 && isWhole)) return undefined
  if (there.some(({ multipleOf }) => isMultiple(multipleOf, step))) return undefined
  return { path, here: `is a multiple of ${wordValue(step)}`, there: 'any' }
}

/** With whole numbers only: others are not divided exactly. */
function isMultiple(value: unknown, step: unknown): boolean {
  if (value === step) return true
  if (!Number.isSafeInteger(value) || !Number.isSafeInteger(step)) return false
  return Number(value) % Number(step) === 0
}

function findCountDifference(
  there: readonly Keywords[],
  here: Keywords,
  types: ReadonlySet<ValueType>,
  path: string,
): Difference | undefined {
  for (const [type, least, most, word] of COUNTS) {
    if (!types.has(type)) continue
    const low = Math.max(0, ...numbersOf(there, least))
    const high = Math.min(...numbersOf(there, most), ...fixedCount(there, type))
    const { [least]: lowHere = 0, [most]: highHere = Number.POSITIVE_INFINITY } = here
    if (!(typeof lowHere === 'number' && lowHere <= Math.max(low, neededCount(there, type))))
      return { path, here: `has at least ${wordValue(lowHere)} ${word}`, there: `at least ${low}` }
    if (!(typeof highHere === 'number' && highHere >= high)) {
      const more = Number.isFinite(high) ? `at most ${high}` : 'any number'
      return { path, here: `has at most ${wordValue(highHere)} ${word}`, there: more }
    }
  }
  return undefined
}

/** An object has at least the members that it needs. */
function neededCount(there: readonly Keywords[], type: ValueType): number {
  if (type !== 'object') return 0
  return new Set(there.flatMap(({ required }) => (Array.isArray(required) ? required : []))).size
}

/** A closed object has at most the members that it knows, a closed list those that it names. */
function fixedCount(there: readonly Keywords[], type: ValueType): number[] {
  return there.flatMap(({ properties, additionalProperties, patternProperties, prefixItems, items }) => {
    if (type === 'object' && additionalProperties === false && patternProperties === undefined)
      return Object.keys(properties ?? {}).length
    return type === 'array' && items === false && Array.isArray(prefixItems) ? prefixItems.length : []
  })
}

function findTextDifference(
  there: readonly Keywords[],
  here: Keywords,
  path: string,
): Difference | undefined {
  for (const key of SAME_TEXT) {
    const asked = here[key]
    if (asked === undefined || there.some((schema) => schema[key] === asked)) continue
    const known = there.map((schema) => schema[key]).find((each) => each !== undefined)
    const other = known === undefined ? 'none' : wordValue(known)
    return { path, here: `has the ${key} ${wordValue(asked)}`, there: other }
  }
  return undefined
}

function findUniqueDifference(
  there: readonly Keywords[],
  here: Keywords,
  path: string,
): Difference | undefined {
  if (here.uniqueItems === undefined || here.uniqueItems === false) return undefined
  if (there.some(({ uniqueItems }) => uniqueItems === true)) return undefined
  return { path, here: 'has items that all differ', there: 'may repeat some' }
}

function numbersOf(schemas: readonly Keywords[], key: string): number[] {
  return schemas.flatMap((schema) => {
    const value = schema[key]
    return typeof value === 'number' ? value : []
  })
}
