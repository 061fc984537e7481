/**
 * Tag selectors (CONTRACT §4): `{"gpu": "h200", "region": ["eu", "us"], "vram": ">=80"}`. All keys
 * must hold. A selector is compiled once at admission and then asked of each class of workers.
 */
import { z } from 'zod'
import { LIMITS } from './limits.ts'
import { nameRecordSchema } from './names.ts'
import type { Tags, TagValue } from './tags.ts'

const selectorText = z.string().max(LIMITS.tagText)

export const selectorSchema = nameRecordSchema(
  z.union(
    [selectorText, z.array(selectorText).min(1).max(LIMITS.tagList)],
    `must be a text of at most ${LIMITS.tagText} characters, or a list of 1 to ${LIMITS.tagList} such texts`,
  ),
).refine(
  (selector) => Object.keys(selector).length <= LIMITS.selectorKeys,
  `at most ${LIMITS.selectorKeys} tags`,
)

export type Selector = z.infer<typeof selectorSchema>

type Operator = '=' | '!=' | '<' | '<=' | '>' | '>='

interface Term {
  readonly operator: Operator
  readonly text: string
}

export interface CompiledSelector {
  /** Canonical text: selectors that ask the same have equal keys. Empty for none. */
  readonly key: string
  /** The tag keys it asks about. */
  readonly tagKeys: readonly string[]
  readonly rules: readonly (readonly [string, readonly Term[]])[]
}

export const ANY_WORKER: CompiledSelector = { key: '', tagKeys: [], rules: [] }

/** Compiles a selector; the order of keys and of the values of a list makes no difference. */
export function compileSelector(selector: Selector | undefined): CompiledSelector {
  const entries = Object.entries(selector ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
  if (entries.length === 0) return ANY_WORKER
  const rules = entries.map(([key, value]) => [key, readTerms(value)] as const)
  const canonical = rules.map(([key, terms]) => [key, ...terms.map(({ operator, text }) => operator + text)])
  return { key: JSON.stringify(canonical), tagKeys: rules.map(([key]) => key), rules }
}

/** Each once and in one order, so that equal lists compile to equal terms. */
function readTerms(value: string | readonly string[]): Term[] {
  const terms = new Map<string, Term>()
  for (const text of typeof value === 'string' ? [value] : value) {
    const term = readTerm(text)
    terms.set(term.operator + term.text, term)
  }
  return [...terms].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, term]) => term)
}

/** The tag key of the first rule that does not hold, or undefined when all do. */
export function firstMismatch(selector: CompiledSelector, tags: Tags): string | undefined {
  for (const [key, terms] of selector.rules) {
    const value = Object.hasOwn(tags, key) ? tags[key] : undefined
    if (!holds(terms, value)) return key
  }
  return undefined
}

function readTerm(text: string): Term {
  const operator = (['!=', '<=', '>=', '=', '<', '>'] as const).find((sign) => text.startsWith(sign))
  return operator ? { operator, text: text.slice(operator.length) } : { operator: '=', text }
}

/** A list in the selector is "any of"; of several `!=` any one that holds is enough. */
function holds(terms: readonly Term[], value: TagValue | undefined): boolean {
  return terms.some((term) => termHolds(term, value))
}

function termHolds(term: Term, value: TagValue | undefined): boolean {
  if (value === undefined) return term.operator === '!='
  if (!Array.isArray(value)) return scalarHolds(term, value)
  if (term.operator === '!=') return !value.includes(term.text)
  return value.some((element) => scalarHolds(term, element))
}

function scalarHolds(term: Term, value: string | number | boolean): boolean {
  if (term.operator === '=') return String(value) === term.text
  if (term.operator === '!=') return String(value) !== term.text
  const left = numberOf(value)
  const right = numberOf(term.text)
  if (left === undefined || right === undefined) return false
  if (term.operator === '<') return left < right
  if (term.operator === '<=') return left <= right
  return term.operator === '>' ? left > right : left >= right
}

function numberOf(value: string | number | boolean): number | undefined {
  if (typeof value === 'boolean' || (typeof value === 'string' && value.trim() === '')) return undefined
  const number = Number(value)
  return Number.isFinite(number) ? number : undefined
}
