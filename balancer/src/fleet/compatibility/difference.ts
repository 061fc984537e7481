/**
 * A difference between two interfaces, and how it is worded: what holds here, at the odd worker, and there,
 * at those that are right. Made by the judge, shown as the reason of a `mismatch`.
 */
import type { Schema, ValueType } from './schema.ts'
import { sharedTypes } from './schema.ts'

export interface Difference {
  /** `input.name`, or empty for the function itself. */
  readonly path: string
  /** With a verb: "is a string". */
  readonly here: string
  /** What stands instead of it: "a number". */
  readonly there: string
}

const MAX_TEXT = 60

/** `input.name is a string here and a number at 3 other workers` */
export function wordDifference({ path, here, there }: Difference, others: number): string {
  const where = others === 1 ? '1 other worker' : `${others} other workers`
  return `${path === '' ? '' : `${path} `}${here} here and ${there} at ${where}`
}

const TYPE_WORDS: Readonly<Record<ValueType, string>> = {
  null: 'null',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  string: 'a string',
  integer: 'a whole number',
  fraction: 'a number that is not whole',
}

export function wordTypes(types: ReadonlySet<ValueType>): string {
  if (types.size === Object.keys(TYPE_WORDS).length) return 'anything'
  const words = [...types].map((type) => (type === 'fraction' ? 'a number' : TYPE_WORDS[type]))
  const isNumber = types.has('integer') && types.has('fraction')
  const shown = isNumber ? words.filter((word) => word !== TYPE_WORDS.integer) : words
  return shown.length === 0 ? 'nothing' : shown.join(' or ')
}

export function wordSchemas(schemas: readonly Schema[]): string {
  return wordTypes(sharedTypes(schemas))
}

/** A value or a keyword, short enough for a sentence. */
export function wordValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
}

/** The path of a member: `input.name`, `input["first name"]`. */
export function pathTo(path: string, key: string): string {
  return /^[A-Za-z_$][\w$-]*$/.test(key) ? `${path}.${key}` : `${path}[${wordValue(key)}]`
}
