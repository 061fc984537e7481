/**
 * The short form of parameters, `params: {name: {type, required, default, enum, pattern, min, max}}`: its JSON
 * Schema, and its check as a Standard Schema. Made once a function when it is loaded.
 * Invariant: what the check accepts the JSON Schema accepts, and the other way round.
 */
import { isName, type JsonSchema } from '@berth/protocol'
import {
  PARAM_TYPES,
  type ParamSpec,
  type ParamSpecs,
  type SchemaIssue,
  type StandardSchema,
} from './define.ts'

export interface ShortForm {
  readonly schema: StandardSchema<unknown, Record<string, unknown>>
  readonly jsonSchema: JsonSchema
}

type Rule = (value: unknown) => string | undefined

/** Throws with a sentence on a definition that cannot be used. */
export function compileParams(params: ParamSpecs): ShortForm {
  const entries = Object.entries(params).map(([name, spec]) => {
    if (!isName(name)) throw new Error(`the parameter ${JSON.stringify(name)} is no valid name`)
    return { name, spec, rules: compileSpec(name, spec) }
  })
  const validate = (input: unknown) => {
    const given = input as Record<string, unknown>
    const value: Record<string, unknown> = {}
    const issues: SchemaIssue[] = []
    for (const { name, spec, rules } of entries) {
      if (!Object.hasOwn(given, name)) {
        if (spec.default !== undefined) value[name] = structuredClone(spec.default)
        else if (spec.required) issues.push({ message: 'is required', path: [name] })
        continue
      }
      const problem = firstProblem(rules, given[name])
      if (problem === undefined) value[name] = given[name]
      else issues.push({ message: problem, path: [name] })
    }
    return issues.length > 0 ? { issues } : { value }
  }
  return {
    schema: { '~standard': { version: 1, vendor: 'berth', validate } },
    jsonSchema: {
      type: 'object',
      properties: Object.fromEntries(entries.map(({ name, spec }) => [name, describe(spec)])),
      required: entries
        .filter(({ spec }) => spec.required && spec.default === undefined)
        .map(({ name }) => name),
      additionalProperties: false,
    },
  }
}

const SPEC_KEYS: ReadonlySet<string> = new Set([
  'type',
  'description',
  'required',
  'default',
  'enum',
  'pattern',
  'min',
  'max',
])

function compileSpec(name: string, spec: ParamSpec): Rule[] {
  const fail = (what: string) => new Error(`the parameter "${name}" ${what}`)
  if (typeof spec !== 'object' || spec === null) throw fail('must be an object such as {type: "string"}')
  const unknown = Object.keys(spec).find((key) => !SPEC_KEYS.has(key))
  if (unknown !== undefined) throw fail(`has an unknown rule ${JSON.stringify(unknown)}`)
  if (!PARAM_TYPES.includes(spec.type)) throw fail(`needs a type: one of ${PARAM_TYPES.join(', ')}`)
  const rules: Rule[] = [typeRule(spec.type)]
  if (spec.enum !== undefined) rules.push(enumRule(spec.enum, fail))
  if (spec.pattern !== undefined) rules.push(patternRule(spec, fail))
  for (const bound of [spec.min, spec.max])
    if (bound !== undefined && !(typeof bound === 'number' && Number.isFinite(bound)))
      throw fail('has a bound that is no number')
  if (spec.min !== undefined || spec.max !== undefined) rules.push(boundsRule(spec, fail))
  const problem = spec.default === undefined ? undefined : firstProblem(rules, spec.default)
  if (problem !== undefined) throw fail(`has a default that breaks its own rule: ${problem}`)
  return rules
}

type Fail = (what: string) => Error

function typeRule(type: ParamSpec['type']): Rule {
  const article = type === 'integer' || type === 'object' || type === 'array' ? 'an' : 'a'
  const problem = `must be ${article} ${type}`
  return (value) => (hasType(value, type) ? undefined : problem)
}

function hasType(value: unknown, type: ParamSpec['type']): boolean {
  if (type === 'integer') return Number.isSafeInteger(value)
  if (type === 'number') return typeof value === 'number' && Number.isFinite(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}

function enumRule(allowed: ParamSpec['enum'], fail: Fail): Rule {
  if (!Array.isArray(allowed) || allowed.length === 0) throw fail('has an empty enum')
  const problem = `must be one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}`
  return (value) => (allowed.includes(value) ? undefined : problem)
}

function patternRule(spec: ParamSpec, fail: Fail): Rule {
  if (spec.type !== 'string') throw fail(`has a pattern, but its type is ${spec.type}`)
  let pattern: RegExp
  try {
    pattern = new RegExp(String(spec.pattern), 'u')
  } catch (error) {
    throw fail(`has a pattern that cannot be used: ${(error as Error).message}`)
  }
  const problem = `must match ${pattern.source}`
  return (value) => (pattern.test(value as string) ? undefined : problem)
}

function boundsRule({ type, min, max }: ParamSpec, fail: Fail): Rule {
  if (type === 'boolean' || type === 'object') throw fail(`has min or max, but its type is ${type}`)
  const what = type === 'string' ? ' characters' : type === 'array' ? ' elements' : ''
  const verb = what === '' ? 'be' : 'have'
  return (value) => {
    const size = typeof value === 'number' ? value : lengthOf(value as string | unknown[])
    if (min !== undefined && size < min) return `must ${verb} at least ${min}${what}`
    return max !== undefined && size > max ? `must ${verb} at most ${max}${what}` : undefined
  }
}

/** JSON Schema counts characters, not UTF-16 units. */
function lengthOf(value: string | unknown[]): number {
  if (typeof value !== 'string') return value.length
  let count = 0
  for (const _character of value) count++
  return count
}

function firstProblem(rules: readonly Rule[], value: unknown): string | undefined {
  for (const rule of rules) {
    const problem = rule(value)
    if (problem !== undefined) return problem
  }
  return undefined
}

const BOUND_WORDS = {
  string: ['minLength', 'maxLength'],
  array: ['minItems', 'maxItems'],
  number: ['minimum', 'maximum'],
  integer: ['minimum', 'maximum'],
  boolean: [],
  object: [],
} as const

function describe(spec: ParamSpec): JsonSchema {
  const [minWord, maxWord] = BOUND_WORDS[spec.type]
  return {
    type: spec.type,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    ...(spec.enum === undefined ? {} : { enum: [...spec.enum] }),
    ...(spec.pattern === undefined ? {} : { pattern: spec.pattern }),
    ...(spec.min === undefined || minWord === undefined ? {} : { [minWord]: spec.min }),
    ...(spec.max === undefined || maxWord === undefined ? {} : { [maxWord]: spec.max }),
    ...(spec.default === undefined ? {} : { default: spec.default }),
  }
}
